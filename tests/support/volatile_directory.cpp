#include "support/volatile_directory.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"

namespace thinsnap::test {

class VolatileDirectory::File final : public journal::JournalFile {
public:
    File(VolatileDirectory& directory, std::shared_ptr<Node> node)
        : directory_(directory)
        , node_(std::move(node)) {}

    std::uint64_t size() override {
        const MutexLock lock(directory_.mutex_);
        return node_->current.size();
    }

    std::size_t read(std::uint64_t offset, std::span<std::byte> into) override {
        directory_.power_.require_power();
        const MutexLock lock(directory_.mutex_);
        const auto& bytes = node_->current;
        const std::size_t n =
            offset < bytes.size() ? std::min<std::size_t>(into.size(), bytes.size() - offset) : 0;
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), n, into.begin());
        return n;
    }

    void write(std::uint64_t offset, std::span<const std::byte> from) override {
        const MutexLock lock(directory_.mutex_);
        directory_.change(*node_,
                          {.offset = offset, .bytes = {from.begin(), from.end()}},
                          DirectoryOperation::write);
    }

    void allocate(std::uint64_t size) override {
        const MutexLock lock(directory_.mutex_);
        if (size > node_->current.size())
            directory_.change(*node_, {.bytes = {}, .size = size}, DirectoryOperation::allocate);
    }

    void truncate(std::uint64_t size) override {
        const MutexLock lock(directory_.mutex_);
        directory_.change(*node_, {.bytes = {}, .size = size}, DirectoryOperation::truncate);
    }

    void sync() override {
        const MutexLock lock(directory_.mutex_);
        if (directory_.begin(DirectoryOperation::sync_file).last)
            throw PowerCut{};
        if (directory_.broken_ == BrokenSync::file)
            return;
        node_->durable = node_->current;
        node_->unflushed.clear();
    }

private:
    VolatileDirectory& directory_;
    std::shared_ptr<Node> node_; ///< shared with the names that it has
};

VolatileDirectory::VolatileDirectory(PowerSupply& power, const DirectoryImage& image)
    : power_(power) {
    for (const auto& [name, bytes] : image) {
        auto node = std::make_shared<Node>();
        node->current = bytes;
        node->durable = bytes;
        current_.emplace(name, std::move(node));
    }
    durable_ = current_;
}

PowerSupply::Operation VolatileDirectory::begin(DirectoryOperation operation) {
    const auto kind = static_cast<std::size_t>(operation);
    Fault& fault = faults_.at(kind);
    if (fault.at > 0 && --fault.at == 0)
        throw SystemError(fault.error, "an operation of the fake directory");
    ++counts_.at(kind);
    return power_.begin_operation();
}

void VolatileDirectory::perform(const Change& change, std::vector<std::byte>& on) {
    if (change.size) {
        on.resize(*change.size);
        return;
    }
    const std::size_t end = change.offset + change.bytes.size();
    if (on.size() < end)
        on.resize(end);
    std::ranges::copy(change.bytes, on.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

void VolatileDirectory::perform_torn(const Change& change,
                                     std::uint64_t seed,
                                     std::vector<std::byte>& on) {
    if (change.size) {
        if (mix(seed) % 2 == 0)
            perform(change, on);
        return;
    }
    if (mix(seed, 1) % 2 == 0) { // cut off anywhere
        Change part = change;
        part.bytes.resize(mix(seed, 2) % (change.bytes.size() + 1));
        perform(part, on);
        return;
    }
    const std::uint64_t end = change.offset + change.bytes.size();
    for (std::uint64_t at = change.offset; at < end;) {
        const std::uint64_t sector = at / VolatileDevice::kSector;
        const std::uint64_t next = std::min(end, (sector + 1) * VolatileDevice::kSector);
        const auto from = change.bytes.begin() + static_cast<std::ptrdiff_t>(at - change.offset);
        if (mix(seed, sector + 3) % 2 == 0)
            perform({.offset = at, .bytes = {from, from + static_cast<std::ptrdiff_t>(next - at)}},
                    on);
        at = next;
    }
}

void VolatileDirectory::perform(const Naming& naming, Names& on) {
    if (naming.node)
        on.insert_or_assign(naming.name, naming.node);
    else
        on.erase(naming.name);
    if (!naming.also_gone.empty())
        on.erase(naming.also_gone);
}

void VolatileDirectory::change(Node& node, Change change, DirectoryOperation operation) {
    PowerSupply::Operation now;
    try {
        now = begin(operation);
    } catch (const SystemError&) {
        change.bytes.resize(change.bytes.size() / 2);
        if (!change.size) {
            change.number = power_.operations();
            perform(change, node.current);
            node.unflushed.push_back(std::move(change));
        }
        throw;
    }
    change.number = now.number;
    perform(change, node.current);
    node.unflushed.push_back(std::move(change));
    if (now.last)
        throw PowerCut{};
}

void VolatileDirectory::name(Naming naming, DirectoryOperation operation) {
    const PowerSupply::Operation now = begin(operation);
    naming.number = now.number;
    perform(naming, current_);
    unflushed_.push_back(std::move(naming));
    if (now.last)
        throw PowerCut{};
}

std::unique_ptr<journal::JournalFile> VolatileDirectory::open(std::string_view name, bool) {
    power_.require_power();
    const MutexLock lock(mutex_);
    const auto found = current_.find(name);
    return found == current_.end() ? nullptr : std::make_unique<File>(*this, found->second);
}

std::unique_ptr<journal::JournalFile> VolatileDirectory::create(std::string_view file) {
    const MutexLock lock(mutex_);
    auto node = std::make_shared<Node>();
    name({.name = std::string(file), .node = node, .also_gone = {}}, DirectoryOperation::create);
    return std::make_unique<File>(*this, std::move(node));
}

void VolatileDirectory::rename(std::string_view from, std::string_view to) {
    const MutexLock lock(mutex_);
    const auto found = current_.find(from);
    if (found == current_.end())
        throw SystemError(ENOENT, fmt::format("renaming {}", from));
    name({.name = std::string(to), .node = found->second, .also_gone = std::string(from)},
         DirectoryOperation::rename);
}

void VolatileDirectory::remove(std::string_view file) {
    const MutexLock lock(mutex_);
    if (current_.find(file) != current_.end())
        name({.name = std::string(file), .node = nullptr, .also_gone = {}},
             DirectoryOperation::remove);
}

void VolatileDirectory::sync() {
    const MutexLock lock(mutex_);
    if (begin(DirectoryOperation::sync).last)
        throw PowerCut{};
    if (broken_ == BrokenSync::directory)
        return;
    durable_ = current_;
    unflushed_.clear();
}

std::string VolatileDirectory::path_of(std::string_view name) const {
    return fmt::format("/fake/{}", name);
}

void VolatileDirectory::break_sync(BrokenSync broken) {
    const MutexLock lock(mutex_);
    broken_ = broken;
}

void VolatileDirectory::fail(DirectoryOperation operation, int error, std::uint64_t at) {
    const MutexLock lock(mutex_);
    faults_.at(static_cast<std::size_t>(operation)) = {error, at};
}

std::uint64_t VolatileDirectory::count(DirectoryOperation operation) const {
    const MutexLock lock(mutex_);
    return counts_.at(static_cast<std::size_t>(operation));
}

std::vector<std::uint64_t> VolatileDirectory::unflushed() const {
    const MutexLock lock(mutex_);
    std::vector<std::uint64_t> numbers;
    for (const Naming& naming : unflushed_)
        numbers.push_back(naming.number);
    for (const Names* names : {&current_, &durable_})
        for (const auto& [name, node] : *names)
            for (const Change& change : node->unflushed)
                numbers.push_back(change.number);
    std::ranges::sort(numbers);
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    return numbers;
}

DirectoryImage VolatileDirectory::image_after_cut(const Survivors& survivors,
                                                  std::size_t device,
                                                  std::span<const std::uint64_t> all) const {
    const MutexLock lock(mutex_);
    const auto made_it = [&](std::uint64_t number) {
        const auto position = std::ranges::lower_bound(all, number) - all.begin();
        return survives(survivors, device, static_cast<std::size_t>(position));
    };
    // A file system keeps the order of what it does to a directory.
    const auto last = std::find_if(unflushed_.rbegin(), unflushed_.rend(), [&](const Naming& n) {
        const bool torn = survivors.kind == Survivors::Kind::torn;
        return torn ? mix(survivors.value, n.number) % 2 == 0 : made_it(n.number);
    });
    Names names = durable_;
    for (auto naming = unflushed_.begin(); naming != last.base(); ++naming)
        perform(*naming, names);
    DirectoryImage image;
    for (const auto& [name, node] : names) {
        std::vector<std::byte> bytes = node->durable;
        for (const Change& change : node->unflushed) {
            if (survivors.kind == Survivors::Kind::torn)
                perform_torn(change, mix(survivors.value, change.number), bytes);
            else if (made_it(change.number))
                perform(change, bytes);
        }
        image.emplace(name, std::move(bytes));
    }
    return image;
}

DirectoryImage VolatileDirectory::image() const {
    const MutexLock lock(mutex_);
    DirectoryImage image;
    for (const auto& [name, node] : current_)
        image.emplace(name, node->current);
    return image;
}

} // namespace thinsnap::test
