#include "engine/metadata_store.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "thin/metadata_view.hpp"

namespace thinsnap::engine {

namespace {

constexpr const char* kCheckAdvice = "run `thinsnap pool check`, and with --clear-needs-check once "
                                     "it finds nothing";
constexpr std::size_t kRunsAtOnce = 64; // freed runs given back between two looks at the locks

} // namespace

MetadataStore::MetadataStore(BlockDevice& metadata,
                             BackingStore& backing,
                             const EngineOptions& options)
    : device_(metadata)
    , backing_(backing)
    , options_(options)
    , mappings_(options.mapping_cache)
    , metadata_(std::make_shared<thin::PoolMetadata>(metadata,
                                                     options.metadata_cache / pdata::kBlockSize)) {
    if (options.read_only)
        set_mode(PoolMode::read_only, "it was opened for reading only");
    else if (metadata_->superblock().needs_check())
        set_mode(PoolMode::read_only, fmt::format("the needs_check flag is set; {}", kCheckAdvice));
}

// --- mode --------------------------------------------------------------------------------------

PoolMode MetadataStore::mode() const {
    const MutexLock lock(mode_mutex_);
    return mode_;
}

std::string MetadataStore::reason() const {
    const MutexLock lock(mode_mutex_);
    return reason_;
}

void MetadataStore::set_mode(PoolMode mode, std::string reason) {
    const MutexLock lock(mode_mutex_);
    if (mode_ == PoolMode::failed)
        return;
    mode_ = mode;
    reason_ = std::move(reason);
    out_of_metadata_ = false;
}

void MetadataStore::run_out_of_metadata() {
    std::string reason;
    {
        const SharedLock tree(tree_);
        const auto& map = metadata_->metadata_map();
        reason = fmt::format("metadata space has run out: {} of {} blocks are in use and {} are "
                             "kept back to commit and delete with; use `thinsnap pool grow "
                             "--metadata-size`, or delete devices",
                             map.nr_allocated(),
                             map.nr_blocks(),
                             metadata_->metadata_reserve());
    }
    const MutexLock lock(mode_mutex_);
    if (mode_ != PoolMode::write && mode_ != PoolMode::out_of_data_space)
        return; // it failed meanwhile, which nothing mends
    mode_ = PoolMode::read_only;
    reason_ = std::move(reason);
    out_of_metadata_ = true;
}

void MetadataStore::require_writable(bool frees_space) const {
    const MutexLock lock(mode_mutex_);
    if (mode_ == PoolMode::write || mode_ == PoolMode::out_of_data_space ||
        (frees_space && out_of_metadata_))
        return;
    throw Error(out_of_metadata_ ? Errc::no_space : Errc::read_only,
                fmt::format("the pool is {}: {}", to_string(mode_), reason_));
}

void MetadataStore::require_writable() const {
    require_writable(false);
}

void MetadataStore::leave_out_of_metadata() {
    bool room = false;
    {
        const MutexLock lock(mode_mutex_);
        if (!out_of_metadata_)
            return;
    }
    {
        const SharedLock tree(tree_);
        room = metadata_->has_metadata_room(1);
    }
    const MutexLock lock(mode_mutex_);
    if (out_of_metadata_ && room) {
        mode_ = PoolMode::write;
        reason_.clear();
        out_of_metadata_ = false;
    }
}

// --- changes and questions ---------------------------------------------------------------------

void MetadataStore::change_locked(const Change& change) {
    try {
        const ExclusiveLock tree(tree_);
        change(*metadata_);
    } catch (const std::exception& error) {
        bool damaged = false;
        {
            const SharedLock tree(tree_);
            damaged = metadata_->is_damaged();
        }
        if (damaged)
            drop_transaction(
                fmt::format("a change of the metadata failed half way: {}", error.what()));
        throw;
    }
}

void MetadataStore::change(const Change& change) {
    const MutexLock lock(transaction_);
    require_writable(false);
    change_locked(change);
}

void MetadataStore::change_to_free(const Change& change) {
    const MutexLock lock(transaction_);
    require_writable(true);
    change_locked(change);
}

void MetadataStore::change_and_commit(bool frees_space, const Change& change) {
    {
        const MutexLock lock(transaction_);
        require_writable(frees_space);
        change_locked(change);
        commit_locked();
    }
    leave_out_of_metadata();
}

std::optional<thin::Mapping>
MetadataStore::lookup(DeviceId id,
                      VirtualChunk chunk,
                      const std::function<void(const std::optional<thin::Mapping>&)>& found) {
    const SharedLock tree(tree_);
    const auto mapping = metadata_->lookup(id, chunk);
    found(mapping);
    return mapping;
}

void MetadataStore::ask(const std::function<void(const thin::PoolMetadata&)>& question) {
    const SharedLock tree(tree_);
    question(*metadata_);
}

// --- commit ------------------------------------------------------------------------------------

bool MetadataStore::may_commit() const {
    const MutexLock lock(mode_mutex_);
    return mode_ == PoolMode::write || mode_ == PoolMode::out_of_data_space || out_of_metadata_;
}

void MetadataStore::commit() {
    {
        const MutexLock lock(transaction_);
        require_writable(true); // refuses, unless only metadata space ran out
        commit_locked();
    }
    leave_out_of_metadata();
}

/// The flush of a commit's data: it begins with this, and the commit's superblock waits for it.
class MetadataStore::DataFlush {
public:
    DataFlush(SideThread& side, BackingStore& backing)
        : side_(side)
        , backing_(backing)
        , is_beside_(backing.has_unflushed()) {
        if (is_beside_)
            side_.start([this] { backing_.flush(); });
    }
    DataFlush(const DataFlush&) = delete;
    DataFlush& operator=(const DataFlush&) = delete;
    ~DataFlush() {
        try {
            if (is_beside_)
                side_.finish();
        } catch (...) { // NOLINT(bugprone-empty-catch) the commit has failed by itself before
        }
    }

    void finish() {
        if (std::exchange(is_beside_, false))
            side_.finish();
        else
            backing_.flush(); // somebody else may be at it
    }

private:
    SideThread& side_;
    BackingStore& backing_;
    bool is_beside_;
};

void MetadataStore::commit_locked() {
    try {
        const bool is_dirty = [this] {
            const SharedLock tree(tree_);
            return metadata_->is_dirty();
        }();
        if (!is_dirty) {
            backing_.flush();
            return;
        }
        DataFlush data(side_, backing_);
        {
            const ExclusiveLock tree(tree_);
            metadata_->prepare_commit();
        }
        {
            const SharedLock tree(tree_); // lookups go on while the disk works
            metadata_->write_commit([&] { data.finish(); });
        }
    } catch (const std::exception& error) {
        drop_transaction(fmt::format("a commit failed: {}", error.what()));
        throw;
    }
    std::vector<pdata::ChunkRun> freed;
    {
        const ExclusiveLock tree(tree_);
        freed = metadata_->finish_commit();
    }
    ++number_;
    const MutexLock lock(freed_mutex_);
    freed_.insert(freed_.end(), freed.begin(), freed.end());
}

void MetadataStore::drop_transaction(const std::string& what) {
    set_mode(PoolMode::read_only,
             fmt::format("{}; what was not flushed before is lost; {}", what, kCheckAdvice));
    {
        const MutexLock freed(freed_mutex_);
        freed_.clear();
        ++drops_;
    }
    const ExclusiveLock tree(tree_);
    mappings_.clear();
    try {
        metadata_ = std::make_shared<thin::PoolMetadata>(
            device_, options_.metadata_cache / pdata::kBlockSize);
    } catch (const std::exception& error) {
        set_mode(PoolMode::failed,
                 fmt::format("{}; and the metadata cannot be read again: {}", what, error.what()));
        return;
    }
    try {
        metadata_->write_needs_check();
    } catch (const std::exception&) { // NOLINT(bugprone-empty-catch) the mode says what counts
    }
}

void MetadataStore::require_nothing_dropped() {
    {
        const MutexLock lock(freed_mutex_);
        if (drops_ == 0)
            return;
    }
    throw Error(Errc::io, fmt::format("flushing a pool that lost changes: {}", reason()));
}

void MetadataStore::fail(const std::string& what) {
    const MutexLock lock(transaction_);
    {
        const MutexLock mode(mode_mutex_);
        if (mode_ == PoolMode::failed || (mode_ == PoolMode::read_only && !out_of_metadata_))
            return; // dropped before
    }
    drop_transaction(what);
}

// --- space -------------------------------------------------------------------------------------

void MetadataStore::release(std::span<const pdata::ChunkRun> runs, std::uint64_t drops) {
    const MutexLock lock(transaction_);
    {
        const MutexLock freed(freed_mutex_);
        if (drops_ != drops)
            return; // the metadata was opened anew, and does not hold them back any more
    }
    const ExclusiveLock tree(tree_);
    for (const pdata::ChunkRun run : runs)
        metadata_->release_data(run);
}

bool MetadataStore::give_back_some() {
    std::vector<pdata::ChunkRun> runs;
    std::uint64_t drops = 0;
    {
        const MutexLock lock(freed_mutex_);
        drops = drops_;
        if (giving_back_ || freed_.empty())
            return false; // whoever does it takes these too
        giving_back_ = true;
        const auto n = static_cast<std::ptrdiff_t>(std::min(freed_.size(), kRunsAtOnce));
        runs.assign(freed_.begin(), freed_.begin() + n);
        freed_.erase(freed_.begin(), freed_.begin() + n);
    }
    const auto stop = [this] {
        const MutexLock lock(freed_mutex_);
        giving_back_ = false;
    };
    try {
        for (const pdata::ChunkRun run : runs)
            backing_.give_back(run);
        release(runs, drops);
    } catch (...) {
        stop(); // else writers that want space wait for a thread that is gone
        throw;
    }
    stop();
    space_added();
    return true;
}

void MetadataStore::give_back_freed() {
    while (give_back_some()) {}
}

std::uint64_t MetadataStore::space_events() {
    const MutexLock lock(freed_mutex_);
    return space_events_;
}

void MetadataStore::space_added() {
    {
        const MutexLock lock(mode_mutex_);
        if (mode_ == PoolMode::out_of_data_space) {
            mode_ = PoolMode::write;
            reason_.clear();
        }
    }
    const MutexLock lock(freed_mutex_);
    ++space_events_;
    freed_changed_.notify_all();
}

bool MetadataStore::wait_for_space(std::uint64_t seen,
                                   std::chrono::steady_clock::time_point deadline) {
    commit(); // chunks freed in this transaction can be used after it
    give_back_freed();
    const MutexLock lock(freed_mutex_);
    while (space_events_ == seen) {
        if (giving_back_) // somebody else gives chunks back at this moment; that ends by itself
            freed_changed_.wait(freed_mutex_);
        else if (std::chrono::steady_clock::now() < deadline)
            static_cast<void>(freed_changed_.wait_until(freed_mutex_, deadline));
        else
            return false;
    }
    return true;
}

void MetadataStore::out_of_data(std::string reason) {
    const MutexLock lock(mode_mutex_);
    if (mode_ != PoolMode::write)
        return;
    mode_ = PoolMode::out_of_data_space;
    reason_ = std::move(reason);
}

bool MetadataStore::make_metadata_room(std::uint64_t blocks) {
    const auto has_room = [&] {
        const SharedLock tree(tree_);
        return metadata_->has_metadata_room(blocks);
    };
    if (has_room())
        return true;
    commit(); // what this transaction freed can be used after it
    return has_room();
}

void MetadataStore::need_metadata_room(std::uint64_t blocks) {
    if (make_metadata_room(blocks))
        return;
    run_out_of_metadata();
    require_writable(false);
    // Somebody freed metadata in between: the caller's change finds out whether it is enough.
}

std::unique_ptr<ReadView> MetadataStore::view() {
    if (may_commit())
        commit();
    const MutexLock lock(transaction_);
    const ExclusiveLock tree(tree_);
    // Shared with the pool: when a failed transaction is dropped, the view keeps what it reads.
    const auto metadata = metadata_;
    const std::uint64_t ticket = metadata->pin_view();
    return std::make_unique<thin::MetadataView>(
        metadata->cache(), metadata->superblock(), [this, metadata, ticket] {
            {
                const MutexLock in_transaction(transaction_);
                const ExclusiveLock in_tree(tree_);
                metadata->unpin_view(ticket);
            }
            leave_out_of_metadata();
        });
}

} // namespace thinsnap::engine
