#include "oci/filter_source.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/core.h>
#include <sys/types.h>

#include <thinsnap/error.hpp>

namespace thinsnap::oci {

namespace {

constexpr std::size_t kFilterScratch = std::size_t{64} << 10U;

constexpr int kOutermostFilter = -1; // for archive_filter_bytes(): the file itself

struct FreeArchive {
    void operator()(archive* a) const noexcept { archive_read_free(a); }
};

int filter_code(Compression compression) {
    switch (compression) {
    case Compression::zstd:
        return ARCHIVE_FILTER_ZSTD;
    case Compression::xz:
        return ARCHIVE_FILTER_XZ;
    default:
        return ARCHIVE_FILTER_BZIP2;
    }
}

class FilterSource final : public ByteSource {
public:
    FilterSource(Compression compression, ByteSource& in)
        : compression_(compression)
        , in_(in)
        , scratch_(kFilterScratch)
        , archive_(archive_read_new()) {
        if (!archive_)
            throw std::bad_alloc();
        // The filter is given, not guessed: a layer's content may look compressed, too.
        expect(archive_read_append_filter(archive_.get(), filter_code(compression)));
        expect(archive_read_support_format_raw(archive_.get()));
        expect(archive_read_support_format_empty(archive_.get()));
    }

    std::size_t read(std::span<std::byte> into) override {
        if (rest_.empty())
            rest_ = next({});
        const std::size_t n = std::min(into.size(), rest_.size());
        std::ranges::copy(rest_.first(n), into.begin());
        rest_ = rest_.subspan(n);
        return n;
    }

    std::span<const std::byte> next(std::span<std::byte> /*scratch*/) override {
        if (!rest_.empty())
            return std::exchange(rest_, {});
        if (!opened_)
            open();
        while (!ended_) {
            const void* data = nullptr;
            std::size_t size = 0;
            la_int64_t offset = 0;
            const int result = archive_read_data_block(archive_.get(), &data, &size, &offset);
            if (result == ARCHIVE_EOF)
                end();
            else
                expect(result);
            if (size > 0 && !ended_)
                return {static_cast<const std::byte*>(data), size};
        }
        return {};
    }

private:
    void open() {
        opened_ = true;
        expect(archive_read_open(archive_.get(), this, nullptr, &FilterSource::give, nullptr));
        expect_no_error();
        archive_entry* entry = nullptr;
        const int result = archive_read_next_header(archive_.get(), &entry);
        if (result == ARCHIVE_EOF)
            end();
        else
            expect(result);
    }

    /// A filter that fails before its first byte leaves an "empty" archive and only a message.
    void expect_no_error() {
        if (archive_error_string(archive_.get()) != nullptr)
            fail();
    }

    void end() {
        expect_no_error();
        ended_ = true;
        // What the filter did not want it left with libarchive's reader of the file.
        const auto used =
            static_cast<std::uint64_t>(archive_filter_bytes(archive_.get(), kOutermostFilter));
        if (used != taken_ || !in_.next(scratch_).empty())
            throw Error(Errc::corrupt,
                        fmt::format("{} data is cut or has garbage behind its end at byte {}",
                                    to_string(compression_),
                                    used));
    }

    void expect(int result) {
        if (result != ARCHIVE_OK)
            fail();
    }

    [[noreturn]] void fail() {
        ended_ = true;
        if (failure_)
            std::rethrow_exception(failure_);
        const char* text = archive_error_string(archive_.get());
        throw Error(Errc::corrupt,
                    fmt::format("{} data is damaged before byte {}: {}",
                                to_string(compression_),
                                taken_,
                                text != nullptr ? text : "unknown error"));
    }

    /// libarchive's read callback: an exception waits until its caller is ours again.
    static la_ssize_t give(archive* a, void* self, const void** buffer) noexcept {
        auto& source = *static_cast<FilterSource*>(self);
        try {
            const auto piece = source.in_.next(source.scratch_);
            source.taken_ += piece.size();
            *buffer = piece.data();
            return static_cast<la_ssize_t>(piece.size());
        } catch (...) {
            source.failure_ = std::current_exception();
            archive_set_error(a, ARCHIVE_FATAL, "the compressed data cannot be read");
            return ARCHIVE_FATAL;
        }
    }

    Compression compression_;
    ByteSource& in_;
    std::vector<std::byte> scratch_;
    std::unique_ptr<archive, FreeArchive> archive_;
    std::span<const std::byte> rest_;
    std::exception_ptr failure_;
    std::uint64_t taken_ = 0;
    bool opened_ = false;
    bool ended_ = false;
};

} // namespace

std::unique_ptr<ByteSource> make_filter_source(Compression compression, ByteSource& in) {
    return std::make_unique<FilterSource>(compression, in);
}

} // namespace thinsnap::oci
