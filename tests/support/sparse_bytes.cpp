#include "support/sparse_bytes.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"

namespace thinsnap::test {

template <class Part>
void SparseBytes::for_each_part(std::uint64_t offset, std::uint64_t length, const Part& part) {
    std::uint64_t done = 0;
    while (done < length) {
        const std::uint64_t at = offset + done;
        const std::uint64_t within = at % kPageSize;
        const std::uint64_t n = std::min(kPageSize - within, length - done);
        part(at / kPageSize, within, n, done);
        done += n;
    }
}

void SparseBytes::check(std::uint64_t offset, std::uint64_t length) const {
    if (offset > size_ || length > size_ - offset)
        throw Error(
            Errc::invalid_argument,
            fmt::format("{} bytes at {} end behind the device's {}", length, offset, size_));
}

void SparseBytes::fill_background(std::uint64_t within, std::span<std::byte> into) const {
    static const Page noise = [] {
        Page page;
        fill_pattern(page, 0xBAD, 0);
        return page;
    }();
    if (background_ == Background::zeros)
        std::memset(into.data(), 0, into.size());
    else
        std::memcpy(into.data(), noise.data() + within, into.size());
}

SparseBytes::Page& SparseBytes::writable(std::uint64_t number) {
    std::shared_ptr<Page>& page = pages_[number];
    if (!page) {
        page = std::make_shared<Page>();
        fill_background(0, *page);
    } else if (page.use_count() > 1) {
        page = std::make_shared<Page>(*page);
    }
    return *page;
}

void SparseBytes::resize(std::uint64_t size) {
    if (size < size_)
        forget(size, size_ - size);
    size_ = size;
}

void SparseBytes::read(std::uint64_t offset, std::span<std::byte> into) const {
    check(offset, into.size());
    for_each_part(offset, into.size(), [&](auto page, auto within, auto n, auto done) {
        const auto part = into.subspan(done, n);
        const auto found = pages_.find(page);
        if (found == pages_.end())
            fill_background(within, part);
        else
            std::memcpy(part.data(), found->second->data() + within, n);
    });
}

void SparseBytes::write(std::uint64_t offset, std::span<const std::byte> from) {
    static const Page zeros{};
    check(offset, from.size());
    for_each_part(offset, from.size(), [&](auto page, auto within, auto n, auto done) {
        const auto part = from.subspan(done, n);
        if (n == kPageSize && std::memcmp(part.data(), zeros.data(), n) == 0)
            write_zeros(page * kPageSize, n); // takes no memory
        else
            std::memcpy(writable(page).data() + within, part.data(), n);
    });
}

void SparseBytes::write_zeros(std::uint64_t offset, std::uint64_t length) {
    static const auto zero_page = std::make_shared<Page>();
    check(offset, length);
    for_each_part(offset, length, [&](auto page, auto within, auto n, auto) {
        if (n < kPageSize)
            std::ranges::fill(std::span(writable(page)).subspan(within, n), std::byte{0});
        else if (background_ == Background::zeros)
            pages_.erase(page);
        else
            pages_[page] = zero_page;
    });
}

void SparseBytes::forget(std::uint64_t offset, std::uint64_t length) {
    check(offset, length);
    if (length / kPageSize > pages_.size()) { // a large hole: look at what there is
        const std::uint64_t first = (offset + kPageSize - 1) / kPageSize;
        const std::uint64_t end = (offset + length) / kPageSize;
        std::erase_if(pages_, [&](const auto& p) { return p.first >= first && p.first < end; });
        const std::uint64_t head = std::min(first * kPageSize - offset, length);
        const std::uint64_t tail = std::min((offset + length) % kPageSize, length - head);
        forget(offset, head);
        forget(offset + length - tail, tail);
        return;
    }
    for_each_part(offset, length, [&](auto page, auto within, auto n, auto) {
        if (n == kPageSize)
            pages_.erase(page);
        else if (pages_.contains(page))
            fill_background(within, std::span(writable(page)).subspan(within, n));
    });
}

bool SparseBytes::same(const SparseBytes& other, std::uint64_t offset, std::uint64_t length) const {
    check(offset, length);
    other.check(offset, length);
    bool equal = true;
    for_each_part(offset, length, [&](auto page, auto within, auto n, auto) {
        const auto mine = pages_.find(page);
        const auto theirs = other.pages_.find(page);
        const bool here = mine != pages_.end();
        const bool there = theirs != other.pages_.end();
        if (!equal || (here && there && mine->second == theirs->second) ||
            (!here && !there && background_ == other.background_))
            return;
        Page left;
        Page right;
        const auto l = std::span(left).first(n);
        const auto r = std::span(right).first(n);
        read(page * kPageSize + within, l);
        other.read(page * kPageSize + within, r);
        equal = std::ranges::equal(l, r);
    });
    return equal;
}

} // namespace thinsnap::test
