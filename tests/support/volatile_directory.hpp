#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.hpp"
#include "journal/journal_directory.hpp"

#include "support/volatile_device.hpp"

namespace thinsnap::test {

/// The files of a directory, by name.
using DirectoryImage = std::map<std::string, std::vector<std::byte>, std::less<>>;

/// A flush that a VolatileDirectory pretends to do, to show that a test notices.
enum class BrokenSync { none, file, directory };

enum class DirectoryOperation {
    write,
    allocate,
    truncate,
    sync_file,
    create,
    rename,
    remove,
    sync
};
inline constexpr std::size_t kDirectoryOperations = 8;

/// A directory on a disk with a volatile cache, which loses its power together with the devices of
/// the same PowerSupply. What was written since the last flush of the file may have reached the
/// medium or not, torn at 512 bytes or cut off; so may the names that were made since the last
/// flush of the directory, in the order in which they were made.
///
/// The operation during which the power goes off belongs to those that may have happened.
/// Threads: all calls from any thread.
class VolatileDirectory final : public journal::JournalDirectory {
public:
    explicit VolatileDirectory(PowerSupply& power, const DirectoryImage& image = {});

    std::unique_ptr<journal::JournalFile> open(std::string_view name, bool read_only) override;
    std::unique_ptr<journal::JournalFile> create(std::string_view name) override;
    void rename(std::string_view from, std::string_view to) override;
    void remove(std::string_view name) override;
    void sync() override;
    [[nodiscard]] std::string path_of(std::string_view name) const override;

    void break_sync(BrokenSync broken);
    /// The `at`-th operation of that kind from now on fails with `error`, once; nothing is done. A
    /// failed write leaves half of its bytes.
    void fail(DirectoryOperation operation, int error, std::uint64_t at = 1);
    /// What is done of each kind so far.
    [[nodiscard]] std::uint64_t count(DirectoryOperation operation) const;

    /// Numbers of the operations that no flush covers, ascending.
    [[nodiscard]] std::vector<std::uint64_t> unflushed() const;
    /// What is on the medium after a cut.
    /// \param device  which one this is for Survivors::Kind::only_device
    /// \param all     numbers of the unflushed operations of everything that lost its power
    [[nodiscard]] DirectoryImage image_after_cut(const Survivors& survivors,
                                                 std::size_t device,
                                                 std::span<const std::uint64_t> all) const;
    /// What is seen now.
    [[nodiscard]] DirectoryImage image() const;

private:
    class File;
    friend class File;

    struct Change { ///< of a file
        std::uint64_t number = 0;
        std::uint64_t offset = 0;
        std::vector<std::byte> bytes;
        std::optional<std::uint64_t> size{}; ///< a new size, and no bytes
    };
    struct Node {
        std::vector<std::byte> current;
        std::vector<std::byte> durable;
        std::vector<Change> unflushed;
    };
    using Names = std::map<std::string, std::shared_ptr<Node>, std::less<>>;
    struct Naming {
        std::uint64_t number = 0;
        std::string name;
        std::shared_ptr<Node> node; ///< null: the name goes
        std::string also_gone;      ///< by a rename; else empty
    };

    static void perform(const Change& change, std::vector<std::byte>& on);
    static void perform_torn(const Change& change, std::uint64_t seed, std::vector<std::byte>& on);
    static void perform(const Naming& naming, Names& on);
    /// Counts the operation. \throws PowerCut, SystemError as it was told
    [[nodiscard]] PowerSupply::Operation begin(DirectoryOperation operation) TS_REQUIRES(mutex_);
    void name(Naming naming, DirectoryOperation operation) TS_REQUIRES(mutex_);
    void change(Node& node, Change change, DirectoryOperation operation) TS_REQUIRES(mutex_);

    struct Fault {
        int error = 0;
        std::uint64_t at = 0;
    };

    PowerSupply& power_;
    mutable Mutex mutex_;
    Names current_ TS_GUARDED_BY(mutex_);
    Names durable_ TS_GUARDED_BY(mutex_);
    std::vector<Naming> unflushed_ TS_GUARDED_BY(mutex_);
    BrokenSync broken_ TS_GUARDED_BY(mutex_) = BrokenSync::none;
    std::array<std::uint64_t, kDirectoryOperations> counts_ TS_GUARDED_BY(mutex_){};
    std::array<Fault, kDirectoryOperations> faults_ TS_GUARDED_BY(mutex_){};
};

} // namespace thinsnap::test
