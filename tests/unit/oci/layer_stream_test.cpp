#include "oci/layer_stream.hpp"

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"
#include "oci/compression.hpp"

#include "support/content.hpp"
#include "support/image_builder.hpp"
#include "support/random.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

using oci::Compression;
using oci::FileWindow;
using oci::LayerCheck;
using oci::LayerStream;

constexpr std::array kAll{Compression::none, Compression::gzip, Compression::zstd, Compression::xz};
constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40U;

/// A file with some bytes before and behind the blob, as in an archive.
class BlobFile {
public:
    explicit BlobFile(const Bytes& blob) {
        Bytes all = pattern(3, 0, 1000);
        all.insert(all.end(), blob.begin(), blob.end());
        all.resize(all.size() + 500, std::byte{0x1F});
        write_file(dir_ / "file", all);
        window_ = FileWindow::whole(std::make_shared<const oci::InputFile>(
                                        open_file(dir_ / "file", O_RDONLY), "file"))
                      .part(1000, blob.size());
    }
    [[nodiscard]] const FileWindow& window() const { return window_; }

private:
    TempDir dir_;
    FileWindow window_;
};

Bytes tar_bytes(std::size_t size) {
    Bytes bytes = pattern(11, 0, size);
    for (std::size_t i = 0; i < size; i += 2)
        bytes[i] = std::byte{0};
    return bytes;
}

LayerCheck check_of(const Bytes& blob, const Bytes& tar) {
    return {.blob_digest = Digest::of(blob),
            .diff_id = Digest::of(tar),
            .max_bytes = kPlenty,
            .name = "layer 1"};
}

Bytes read_all(LayerStream& stream) {
    Bytes all;
    Bytes scratch(1);
    for (;;) {
        const auto piece = stream.next(scratch);
        if (piece.empty())
            return all;
        all.insert(all.end(), piece.begin(), piece.end());
    }
}

void finish(const Bytes& blob, const LayerCheck& check) {
    const BlobFile file(blob);
    LayerStream(file.window(), check).finish();
}

} // namespace

TEST_SUITE("oci.layer_stream") {
    TEST_CASE("a layer's tar comes out whole and verified") {
        for (const std::size_t size : {0U, 1U, 10'240U, 1'500'000U})
            for (const Compression compression : kAll) {
                CAPTURE(size);
                CAPTURE(to_string(compression));
                const Bytes tar = tar_bytes(size);
                const Bytes blob = compress(tar, compression);
                const BlobFile file(blob);
                LayerStream stream(file.window(), check_of(blob, tar));
                CHECK(read_all(stream) == tar);
                CHECK(stream.next({}).empty());
                stream.finish();
                CHECK(stream.blob_bytes_read() == blob.size());
            }
    }

    TEST_CASE("small reads and pieces may be mixed") {
        const Bytes tar = tar_bytes(600'000);
        const Bytes blob = compress(tar, Compression::gzip);
        const BlobFile file(blob);
        LayerStream stream(file.window(), check_of(blob, tar));
        Random random(4);
        Bytes all;
        for (;;) {
            Bytes part(1 + random.below(100'000));
            const auto piece = random.one_in(5)
                                   ? stream.next(part)
                                   : std::span<const std::byte>(part).first(stream.read(part));
            if (piece.empty())
                break;
            all.insert(all.end(), piece.begin(), piece.end());
        }
        CHECK(all == tar);
    }

    TEST_CASE("finish reads what the consumer did not want") {
        const Bytes tar = tar_bytes(3'000'000);
        const Bytes blob = compress(tar, Compression::gzip);
        const BlobFile file(blob);
        LayerStream stream(file.window(), check_of(blob, tar));
        Bytes front(1000);
        CHECK(read_full(stream, front) == 1000);
        stream.finish();
        CHECK(stream.read(front) == 0);
    }

    TEST_CASE("a wrong digest of the blob is found at the end") {
        for (const Compression compression : kAll) {
            CAPTURE(to_string(compression));
            const Bytes tar = tar_bytes(600'000);
            const Bytes blob = compress(tar, compression);
            LayerCheck check = check_of(blob, tar);
            check.blob_digest = Digest::of("other");
            const std::string message = message_of([&] { finish(blob, check); });
            CHECK(message.starts_with("layer 1: the blob has the digest " +
                                      Digest::of(blob).to_string()));
            CHECK(message.find(check.blob_digest.to_string()) != std::string::npos);
        }
    }

    TEST_CASE("a wrong diffID is found at the end and again by every later call") {
        for (const Compression compression : kAll) {
            CAPTURE(to_string(compression));
            const Bytes tar = tar_bytes(600'000);
            const Bytes blob = compress(tar, compression);
            LayerCheck check = check_of(blob, tar);
            check.diff_id = Digest::of("other");
            const BlobFile file(blob);
            LayerStream stream(file.window(), check);
            const std::string message = message_of([&] { stream.finish(); });
            CHECK(message.find("diffID") != std::string::npos);
            CHECK(message.find(Digest::of(tar).to_string()) != std::string::npos);
            Bytes byte(1);
            CHECK(message_of([&] { static_cast<void>(stream.read(byte)); }) == message);
            CHECK(message_of([&] { stream.finish(); }) == message);
        }
    }

    TEST_CASE("padding behind the end of the tar counts for the diffID") {
        Bytes tar = TarBuilder().file("a", "content").finished_bytes();
        const LayerCheck check = check_of(compress(tar, Compression::gzip), tar);
        tar.resize(tar.size() + 512);
        LayerCheck padded = check;
        const Bytes blob = compress(tar, Compression::gzip);
        padded.blob_digest = Digest::of(blob);
        CHECK(failure_of([&] { finish(blob, padded); }) == Errc::corrupt);
    }

    TEST_CASE("a bomb goes off at the limit") {
        const Bytes tar(4'000'000);
        for (const Compression compression : kAll) {
            CAPTURE(to_string(compression));
            const Bytes blob = compress(tar, compression);
            LayerCheck check = check_of(blob, tar);
            check.max_bytes = tar.size();
            finish(blob, check);
            check.max_bytes = tar.size() - 1;
            CHECK(message_of([&] { finish(blob, check); }).find("3999999 uncompressed bytes") !=
                  std::string::npos);
        }
    }

    TEST_CASE("damage in the compressed data is named") {
        const Bytes tar = tar_bytes(600'000);
        const Bytes blob = compress(tar, Compression::gzip);
        const LayerCheck check = check_of(blob, tar);
        Bytes cut(blob.begin(), blob.begin() + 100'000);
        CHECK(failure_of([&] { finish(cut, check); }) == Errc::corrupt);
        Bytes longer = blob;
        longer.push_back(std::byte{'x'});
        CHECK(failure_of([&] { finish(longer, check); }) == Errc::corrupt);
        Bytes damaged = blob;
        damaged[50'000] ^= std::byte{0x55};
        CHECK(failure_of([&] { finish(damaged, check); }) == Errc::corrupt);
    }

    TEST_CASE("a file that became shorter is an error") {
        const Bytes tar = tar_bytes(600'000);
        const TempDir dir;
        write_file(dir / "file", tar);
        const auto file =
            std::make_shared<const oci::InputFile>(open_file(dir / "file", O_RDONLY), "file");
        std::filesystem::resize_file(dir / "file", 300'000);
        LayerStream stream(FileWindow::whole(file), check_of(tar, tar));
        CHECK(message_of([&] { stream.finish(); }).find("file ends at byte") != std::string::npos);
    }

    TEST_CASE("a stream that is not read to its end ends its threads") {
        const Bytes tar = tar_bytes(7'000'000);
        for (const Compression compression : {Compression::none, Compression::gzip}) {
            const Bytes blob = compress(tar, compression);
            const BlobFile file(blob);
            const LayerCheck check = check_of(blob, tar);
            for (std::size_t read = 0; read < 24; ++read) {
                LayerStream stream(file.window(), check);
                Bytes scratch(1);
                for (std::size_t i = 0; i < read % 8; ++i)
                    CHECK_FALSE(stream.next(scratch).empty());
            }
        }
    }

    TEST_CASE("many streams read one file at once") {
        const Bytes tar = tar_bytes(1'500'000);
        const Bytes blob = compress(tar, Compression::gzip);
        const BlobFile file(blob);
        std::vector<std::unique_ptr<LayerStream>> streams;
        for (int i = 0; i < 6; ++i)
            streams.push_back(std::make_unique<LayerStream>(file.window(), check_of(blob, tar)));
        for (auto& stream : streams)
            CHECK(read_all(*stream) == tar);
    }
}

} // namespace thinsnap::test
