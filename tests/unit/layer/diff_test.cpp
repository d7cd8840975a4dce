#include "layer/diff.hpp"

#include <doctest/doctest.h>

#include "layer/writer_tree.hpp"

#include "support/content.hpp"
#include "support/layer_device.hpp"
#include "support/tar_builder.hpp"

namespace thinsnap::test {

using ext4::InodeNumber;
using ext4::TreeWriter;

namespace {

LayerDevice base() {
    LayerDevice device;
    device.apply(TarBuilder()
                     .directory("etc")
                     .file("etc/passwd", std::string(5000, 'p'))
                     .file("etc/hosts", "h")
                     .directory("usr")
                     .directory("usr/bin")
                     .file("usr/bin/env", "env")
                     .file("usr/bin/sh", "sh")
                     .hard_link("usr/bin/bash", "usr/bin/sh")
                     .symlink("bin", "usr/bin")
                     .directory("var")
                     .directory("var/log")
                     .file("var/log/a", "a")
                     .finished());
    return device;
}

InodeNumber at(TreeWriter& writer, std::string_view path) {
    InodeNumber number = ext4::kRootInode;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        number = writer.find(number, path.substr(0, slash)).value().inode;
        path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    }
    return number;
}

void write(TreeWriter& writer, InodeNumber file, const std::string& content) {
    auto writing = writer.open_content(file);
    writing.write(0, std::as_bytes(std::span(content)));
    writing.close(content.size());
}

/// Renames, which a TreeWriter does by two names.
void rename(TreeWriter& writer, const std::string& directory, const char* from, const char* to) {
    writer.link(at(writer, directory), to, at(writer, directory + "/" + from));
    writer.remove(at(writer, directory), from);
}

std::string diff_after(const std::function<void(TreeWriter&)>& action) {
    LayerDevice lower = base();
    LayerDevice upper = lower.snapshot();
    upper.change(action);
    return diff_text(lower, upper);
}

std::string diff_of_layer(const TarBuilder& tar) {
    LayerDevice lower = base();
    LayerDevice upper = lower.snapshot();
    upper.apply(tar.finished());
    return diff_text(lower, upper);
}

} // namespace

TEST_SUITE("layer.diff") {
    TEST_CASE("a name that comes or goes is seen although its directory says the same of itself") {
        LayerDevice lower;
        lower.apply(TarBuilder().file("kept").file("gone").finished());
        LayerDevice upper = lower.snapshot();
        // The directory's only block can come to stand where the lower one has it.
        for (const char* name : {"one", "two", "three"}) {
            CAPTURE(name);
            upper.change([&](TreeWriter& writer) {
                writer.create(ext4::kRootInode, name, {ext4::FileType::regular, {}});
            });
            CHECK(diff_text(lower, upper).find(std::string("A /") + name) != std::string::npos);
        }
        for (const char* name : {"one", "two", "three", "gone"})
            upper.change([&](TreeWriter& writer) { writer.remove(ext4::kRootInode, name); });
        CHECK(diff_text(lower, upper) == "D /gone\n");
    }

    TEST_CASE("nothing that changed is nothing to say") {
        CHECK(diff_after([](TreeWriter&) {}).empty());
    }

    TEST_CASE("directories above a change are modified and the root is not") {
        CHECK(diff_of_layer(TarBuilder().file("usr/bin/env", "changed")) ==
              "C /usr\nC /usr/bin\nC /usr/bin/env\n");
        CHECK(diff_of_layer(TarBuilder().file("new")) == "A /new\n");
        CHECK(diff_of_layer(TarBuilder().file("var/log/b")) ==
              "C /var\nC /var/log\nA /var/log/b\n");
    }

    TEST_CASE("all below an added directory is added") {
        CHECK(diff_of_layer(TarBuilder().file("etc/x/y/z").symlink("etc/x/s", "y")) ==
              "C /etc\nA /etc/x\nA /etc/x/s\nA /etc/x/y\nA /etc/x/y/z\n");
    }

    TEST_CASE("what is below a deleted directory is not listed") {
        CHECK(diff_of_layer(TarBuilder().file(".wh.var").file("etc/.wh.hosts")) ==
              "C /etc\nD /etc/hosts\nD /var\n");
    }

    TEST_CASE("a type that changed is one modification") {
        CHECK(diff_of_layer(TarBuilder().file("var", "now a file")) == "C /var\n");
        CHECK(diff_of_layer(TarBuilder().directory("etc/hosts").file("etc/hosts/x")) ==
              "C /etc\nC /etc/hosts\nA /etc/hosts/x\n");
        CHECK(diff_of_layer(TarBuilder().directory("bin")) == "C /bin\n");
    }

    TEST_CASE("attributes that changed are a modification each") {
        for (const auto& change : std::vector<std::function<void(ext4::Attributes&)>>{
                 [](auto& a) { a.permissions = 0600; },
                 [](auto& a) { a.uid = 5; },
                 [](auto& a) { a.gid = 5; },
                 [](auto& a) { a.mtime.nanoseconds = 5; }})
            for (const std::string path : {"etc/hosts", "var/log"}) {
                const std::string text = diff_after([&](TreeWriter& writer) {
                    auto attributes = writer.inode(at(writer, path)).attributes;
                    change(attributes);
                    writer.set_attributes(at(writer, path), attributes);
                });
                CHECK(text ==
                      (path == "etc/hosts" ? "C /etc\nC /etc/hosts\n" : "C /var\nC /var/log\n"));
            }
    }

    TEST_CASE("an extended attribute that changed is a modification") {
        CHECK(diff_after([](TreeWriter& writer) {
                  writer.set_xattrs(at(writer, "etc/hosts"), {{"user.a", "1"}});
              }) == "C /etc\nC /etc/hosts\n");
    }

    TEST_CASE("the root's attributes are for the layer alone") {
        CHECK(diff_of_layer(TarBuilder().directory("./", 0700)) == ". /\n");
    }

    TEST_CASE("content that is the same in other blocks is no change") {
        CHECK(diff_after([](TreeWriter& writer) {
                  const auto attributes = writer.inode(at(writer, "etc/passwd")).attributes;
                  write(writer, at(writer, "etc/passwd"), std::string(5000, 'p'));
                  writer.set_attributes(at(writer, "etc/passwd"), attributes);
              }).empty());
        CHECK(diff_of_layer(TarBuilder().file("etc/passwd", std::string(5000, 'p'))).empty());
    }

    TEST_CASE("content that changed behind the same attributes is a modification") {
        CHECK(diff_after([](TreeWriter& writer) {
                  std::string content(5000, 'p');
                  content[4999] = 'q';
                  const auto attributes = writer.inode(at(writer, "etc/passwd")).attributes;
                  write(writer, at(writer, "etc/passwd"), content);
                  writer.set_attributes(at(writer, "etc/passwd"), attributes);
              }) == "C /etc\nC /etc/passwd\n");
    }

    TEST_CASE("a rename is a deletion and an addition") {
        CHECK(diff_after([](TreeWriter& writer) { rename(writer, "etc", "hosts", "hosts2"); }) ==
              "C /etc\nD /etc/hosts\nA /etc/hosts2\n");
    }

    TEST_CASE("one more name of a file is an addition that brings the others into a layer") {
        CHECK(diff_after([](TreeWriter& writer) {
                  writer.link(at(writer, "var"), "hosts", at(writer, "etc/hosts"));
              }) == ". /etc\n. /etc/hosts\nC /var\nA /var/hosts\n");
    }

    TEST_CASE("a name less of a file is a deletion and no more") {
        CHECK(diff_of_layer(TarBuilder().file("usr/bin/.wh.sh")) ==
              "C /usr\nC /usr/bin\nD /usr/bin/sh\n");
    }

    TEST_CASE("a file taken out of its links is a modification even when it looks the same") {
        CHECK(diff_of_layer(TarBuilder().file("usr/bin/sh", "sh")) ==
              "C /usr\nC /usr/bin\nC /usr/bin/sh\n");
    }

    TEST_CASE("a change of a file is one of all its names") {
        CHECK(diff_after([](TreeWriter& writer) {
                  write(writer, at(writer, "usr/bin/sh"), "SH");
              }) == "C /usr\nC /usr/bin\nC /usr/bin/bash\nC /usr/bin/sh\n");
    }

    TEST_CASE("a file that keeps its inode in a renamed directory brings its other names") {
        LayerDevice lower;
        TarBuilder tar;
        tar.directory("d").directory("e");
        for (int i = 0; i < 600; ++i) // the inodes of d/f and of what changes lie chunks apart
            tar.file("e/" + std::to_string(i));
        tar.file("d/f").hard_link("g", "d/f");
        lower.apply(tar.finished());
        LayerDevice upper = lower.snapshot();
        upper.change([](TreeWriter& writer) {
            // What rename(2) of d to d2 leaves: another directory with the same file in it.
            const auto made =
                writer.create(ext4::kRootInode, "d2", {ext4::FileType::directory, {}, {}, {}});
            writer.link(made, "f", at(writer, "d/f"));
            writer.remove(ext4::kRootInode, "d");
        });
        CHECK(diff_text(lower, upper) == "D /d\nA /d2\nA /d2/f\n. /g\n");
    }

    TEST_CASE("names sort within their directories") {
        CHECK(diff_of_layer(TarBuilder().file("a/b").file("a-b").file("a.b").file("a!b")) ==
              "A /a\nA /a/b\nA /a!b\nA /a-b\nA /a.b\n");
    }

    TEST_CASE("the work can be stopped") {
        struct Stopped {};
        LayerDevice lower = base();
        LayerDevice upper = lower.snapshot();
        upper.apply(TarBuilder().file("etc/hosts", "other").finished());
        const ext4::FileSystem before(lower.device(), ext4::FileSystemAccess::read_only);
        const ext4::FileSystem now(upper.device(), ext4::FileSystemAccess::read_only);
        const auto ranges = changed_ranges(lower, upper);
        CHECK_THROWS_AS(static_cast<void>(layer::find_changes(
                            before, now, ranges, {.check_cancelled = [] { throw Stopped(); }})),
                        Stopped);
    }

    TEST_CASE("content that did not change is not read") {
        LayerDevice lower;
        TarBuilder tar;
        for (int i = 0; i < 200; ++i)
            tar.file("d" + std::to_string(i % 20) + "/f" + std::to_string(i),
                     std::string(100'000, static_cast<char>(i)));
        lower.apply(tar.finished());
        LayerDevice upper = lower.snapshot();
        upper.apply(TarBuilder().file("d7/f7", "changed").finished());
        const std::uint64_t before = upper.device().bytes_read() + lower.device().bytes_read();
        CHECK(diff_text(lower, upper) == "C /d7\nC /d7/f7\n");
        const std::uint64_t read =
            upper.device().bytes_read() + lower.device().bytes_read() - before;
        CAPTURE(read);
        CHECK(read < 2'000'000);
    }
}

} // namespace thinsnap::test
