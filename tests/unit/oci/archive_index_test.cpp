#include "oci/archive_index.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"
#include "support/image_builder.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

using oci::ArchiveIndex;
using oci::FileWindow;

/// The bytes in a file that has no name any more.
FileWindow file_of(const Bytes& bytes) {
    const TempDir dir;
    write_file(dir / "a.tar", bytes);
    return FileWindow::whole(
        std::make_shared<const oci::InputFile>(open_file(dir / "a.tar", O_RDONLY), "a.tar"));
}

std::string content(const ArchiveIndex& index, std::string_view name) {
    const auto window = index.find(name);
    return window ? oci::read_text(*window, 1U << 20U) : "none";
}

} // namespace

TEST_SUITE("oci.archive_index") {
    TEST_CASE("members are found by their names") {
        const std::string long_name = "blobs/" + std::string(300, 'x') + "/y";
        const ArchiveIndex index(
            file_of(TarBuilder()
                        .directory("./blobs/")
                        .file("./oci-layout", "layout")
                        .file("blobs//sha256/./abc", "blob")
                        .add({.name = "x", .content = "long", .pax = {{"path", long_name}}})
                        .file("manifest.json", "")
                        .finished_bytes()));
        CHECK_FALSE(index.is_root_tar());
        CHECK(content(index, "oci-layout") == "layout");
        CHECK(content(index, "blobs/sha256/abc") == "blob");
        CHECK(content(index, long_name) == "long");
        CHECK(content(index, "manifest.json").empty());
        CHECK(content(index, "blobs") == "none");
        CHECK(content(index, "other") == "none");
    }

    TEST_CASE("of two members of one name the last counts") {
        const ArchiveIndex index(file_of(
            TarBuilder().file("index.json", "old").file("./index.json", "new").finished_bytes()));
        CHECK(content(index, "index.json") == "new");
    }

    TEST_CASE("links are followed within the archive and never out of it") {
        const std::string id = "0123456789abcdef";
        const ArchiveIndex index(
            file_of(TarBuilder()
                        .file(id + "/layer.tar", "layer")
                        .symlink("abcdef0123456789/layer.tar", "../" + id + "/layer.tar")
                        .hard_link("fedcba9876543210.tar", id + "/layer.tar")
                        .symlink("manifest.json", "/etc/passwd")
                        .symlink("repositories", "../../../etc/passwd")
                        .symlink("index.json", "oci-layout")
                        .symlink("oci-layout", "index.json")
                        .finished_bytes()));
        CHECK(content(index, "abcdef0123456789/layer.tar") == "layer");
        CHECK(content(index, "fedcba9876543210.tar") == "layer");
        CHECK(content(index, "manifest.json") == "none");
        CHECK(content(index, "repositories") == "none");
        CHECK(content(index, "index.json") == "none");
    }

    TEST_CASE("names that leave the archive are not in it") {
        const ArchiveIndex index(file_of(
            TarBuilder().file("../index.json", "x").file("a/../../b", "x").finished_bytes()));
        CHECK_FALSE(index.contains("index.json"));
        CHECK(index.is_root_tar());
    }

    TEST_CASE("the tar of a root file system is told from an image archive") {
        TarBuilder root;
        root.directory("bin").file("manifest.json", "{}").file("blobs", "x");
        for (int i = 0; i < 200; ++i)
            root.file(fmt::format("etc/file{}", i), "x");
        CHECK(ArchiveIndex(file_of(root.finished_bytes())).is_root_tar());
        CHECK(ArchiveIndex(file_of(TarBuilder().finished_bytes())).is_root_tar());
        CHECK_FALSE(ArchiveIndex(file_of(TarBuilder()
                                             .file("README", "foreign")
                                             .file("manifest.json", "[]")
                                             .finished_bytes()))
                        .is_root_tar());
    }

    TEST_CASE("damage in an image archive is named by its offset") {
        Bytes tar =
            TarBuilder().file("oci-layout", "layout").file("index.json", "x").finished_bytes();
        tar[1024 + 3] ^= std::byte{1};
        CHECK(message_of([&] { const ArchiveIndex index(file_of(tar)); }) ==
              "tar is damaged at byte 1024: no header with a right checksum");
        tar[1024 + 3] ^= std::byte{1};
        const Bytes cut(tar.begin(), tar.begin() + 1536);
        CHECK(message_of([&] {
                  const ArchiveIndex index(file_of(cut));
              }).find("a member of 1 bytes goes over the end at 1536") != std::string::npos);
    }

    TEST_CASE("damage where nothing says image is left to who reads the tar") {
        Bytes tar = TarBuilder().file("etc/passwd", "x").file("etc/group", "x").finished_bytes();
        tar[1024 + 3] ^= std::byte{1};
        CHECK(ArchiveIndex(file_of(tar)).is_root_tar());
    }

    TEST_CASE("a tar may end without its last blocks") {
        const Bytes tar = TarBuilder().file("index.json", "last").finished_bytes();
        const Bytes cut(tar.begin(), tar.begin() + 512 + 4);
        CHECK(content(ArchiveIndex(file_of(cut)), "index.json") == "last");
    }

    TEST_CASE("members of types that nobody knows are passed over with their content") {
        const ArchiveIndex index(
            file_of(TarBuilder()
                        .add({.name = "index.json", .type = 'V', .content = "a volume's label"})
                        .file("oci-layout", "layout")
                        .finished_bytes()));
        CHECK(content(index, "index.json") == "none");
        CHECK(content(index, "oci-layout") == "layout");
    }

    TEST_CASE("a file that is a map and pieces is not taken for its content") {
        const ArchiveIndex index(
            file_of(TarBuilder()
                        .add({.name = "index.json",
                              .content = "abc",
                              .pax = {{"GNU.sparse.size", "9"}, {"GNU.sparse.map", "4,3"}}})
                        .add({.name = "repositories",
                              .type = 'S',
                              .content = "abc",
                              .patches = {{482, "\1"}}})
                        .finished_bytes()));
        CHECK(content(index, "index.json") == "none");
        CHECK(content(index, "repositories") == "none");
    }

    TEST_CASE("a header of a later version where nothing says image is left to who reads the tar") {
        const Bytes tar = TarBuilder()
                              .add({.name = "etc/a", .pax = {{"GNU.sparse.major", "2"}}})
                              .finished_bytes();
        CHECK(ArchiveIndex(file_of(tar)).is_root_tar());
    }

    TEST_CASE("sizes that lie are refused") {
        const auto with_size = [](const std::string& size) {
            const Bytes tar = TarBuilder()
                                  .file("oci-layout")
                                  .add({.name = "index.json", .content = "x", .size = size})
                                  .finished_bytes();
            return message_of([&] { const ArchiveIndex index(file_of(tar)); });
        };
        CHECK(with_size("77777777777").find("goes over the end") != std::string::npos);
        CHECK(with_size("abc").find("whose size is no number") != std::string::npos);
        CHECK(with_size("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")
                  .find("whose size is -1") != std::string::npos);
        CHECK(with_size(std::string("\x80\0\0\0\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12))
                  .find("goes over the end") != std::string::npos);
        CHECK(with_size(std::string("\x80\0\0\0\0\0\0\0\0\0\0\1", 12)).empty());
    }
}

} // namespace thinsnap::test
