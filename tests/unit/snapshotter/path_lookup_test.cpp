#include "snapshotter/path_lookup.hpp"

#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "ext4/format.hpp"
#include "ext4/tree_writer.hpp"
#include "io/scratch_device.hpp"

namespace thinsnap::test {

namespace {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using ext4::InodeNumber;
using snapshotter::find_path;
using snapshotter::get_path;
using snapshotter::LastLink;

/// /etc/motd, /link -> etc, /up -> ../../etc, /absolute -> /etc/motd, /loop -> loop, /etc/deep ->
/// ..
class Files {
public:
    Files()
        : device_(ext4::kMinSize) {
        Uuid uuid{};
        uuid[0] = std::byte{1};
        ext4::format(device_, {.size = ext4::kMinSize, .uuid = uuid, .hash_seed = uuid});
        {
            FileSystem files(device_, FileSystemAccess::read_write);
            ext4::TreeWriter writer(files);
            const InodeNumber etc = writer.create(
                ext4::kRootInode, "etc", {.type = FileType::directory, .attributes = {}});
            writer.create(etc, "motd", {.attributes = {}});
            link(writer, etc, "deep", "..");
            link(writer, ext4::kRootInode, "link", "etc");
            link(writer, ext4::kRootInode, "up", "../../etc");
            link(writer, ext4::kRootInode, "absolute", "/etc/motd");
            link(writer, ext4::kRootInode, "loop", "loop");
            writer.finish();
            files.flush();
        }
        files_ = std::make_unique<FileSystem>(device_, FileSystemAccess::read_only);
    }

    [[nodiscard]] const FileSystem& operator*() const { return *files_; }

private:
    static void
    link(ext4::TreeWriter& writer, InodeNumber directory, const char* name, const char* target) {
        writer.create(
            directory, name, {.type = FileType::symlink, .attributes = {}, .link_target = target});
    }

    io::ScratchDevice device_;
    std::unique_ptr<FileSystem> files_;
};

} // namespace

TEST_SUITE("snapshotter.path_lookup") {
    TEST_CASE("symlinks lead to places inside the container") {
        const Files files;
        for (const char* path : {"/etc/motd",
                                 "etc//./motd",
                                 "/link/motd",
                                 "/up/motd",
                                 "/absolute",
                                 "/etc/deep/etc/motd",
                                 "/../../etc/motd",
                                 "/etc/../etc/motd"})
            CHECK(get_path(*files, path, LastLink::follow).path == "/etc/motd");
        CHECK(get_path(*files, "/", LastLink::keep).path == "/");
        CHECK(get_path(*files, "..", LastLink::keep).path == "/");
    }

    TEST_CASE("the last symlink is followed only when asked for") {
        const Files files;
        CHECK(get_path(*files, "/absolute", LastLink::keep).inode.type == FileType::symlink);
        CHECK(get_path(*files, "/absolute", LastLink::follow).inode.type == FileType::regular);
        CHECK(get_path(*files, "/loop", LastLink::keep).inode.type == FileType::symlink);
    }

    TEST_CASE("what is not there is told apart from what cannot be walked") {
        const Files files;
        CHECK_FALSE(find_path(*files, "/etc/none", LastLink::follow).has_value());
        const auto kind_of = [&](const std::string& path) {
            try {
                static_cast<void>(get_path(*files, path, LastLink::follow));
            } catch (const Error& error) {
                return error.kind();
            }
            return Errc::internal;
        };
        CHECK(kind_of("/etc/none") == Errc::not_found);
        CHECK(kind_of("/none/motd") == Errc::not_found);
        CHECK(kind_of("/etc/motd/x") == Errc::precondition);
        CHECK(kind_of("/loop") == Errc::precondition);
        CHECK(kind_of("/" + std::string(256, 'a')) == Errc::invalid_argument);
        CHECK(kind_of(std::string(4097, '/')) == Errc::invalid_argument);
    }
}

} // namespace thinsnap::test
