#include "image_pool.hpp"

#include <random>
#include <thread>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "snapshotter/commit.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/copy.hpp"
#include "tar/writer.hpp"

namespace thinsnap::bench {

namespace fs = std::filesystem;

std::string container_name(std::size_t i) {
    return fmt::format("container-{:06}", i);
}

ImagePool::ImagePool(const fs::path& directory, std::uint64_t bytes)
    : directory_(fs::absolute(directory)) {
    fs::create_directories(directory_.parent_path());
    app::create_pool(directory_, {.data_bytes = bytes});
}

ImagePool::~ImagePool() {
    close();
    std::error_code none;
    fs::remove_all(directory_, none);
}

snapshotter::Context& ImagePool::context() {
    if (!journal_) {
        pool_.emplace(directory_, app::OpenPool{});
        journal_.emplace(*pool_);
    }
    return journal_->context();
}

void ImagePool::close() {
    journal_.reset();
    pool_.reset();
}

Command ImagePool::command(const Command& arguments) const {
    static const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "thinsnap";
    Command command{program.string(), "--pool", directory_.string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
}

void ImagePool::import(const fs::path& source, const std::string& name) {
    run(command({"import", source.string(), "--name", name}));
}

void ImagePool::create(const std::string& name, const std::string& image) {
    static_cast<void>(
        snapshotter::create_container(context(), {.name = name, .image = image}).device);
}

void ImagePool::stack_layers(const std::string& image, std::size_t layers) {
    const fs::path file = directory_ / "layer-content";
    for (std::size_t layer = 1; layer < layers; ++layer) {
        create("next", image);
        replace_text_file(file.string(), fmt::format("layer {}\n", layer));
        snapshotter::copy_into_container(context(), "next", file.string(), kChangedFile);
        snapshotter::commit_container(context(), {.container = "next", .image = image});
        snapshotter::remove_containers(context(), {"next"});
    }
    fs::remove(file);
}

std::vector<DeviceId> ImagePool::fill(const std::string& image, std::size_t containers) {
    constexpr std::size_t kThreads = 32;
    snapshotter::Context& shared = context();
    std::vector<DeviceId> devices(containers);
    std::vector<std::jthread> threads;
    for (std::size_t first = 0; first < kThreads; ++first)
        threads.emplace_back([&, first] {
            for (std::size_t i = first; i < containers; i += kThreads)
                devices[i] = snapshotter::create_container(
                                 shared, {.name = container_name(i), .image = image})
                                 .device;
        });
    threads.clear();
    return devices;
}

namespace {

class FileSink final : public ByteSink {
public:
    explicit FileSink(const fs::path& path)
        : path_(path.string())
        , fd_(open_file(path_, O_WRONLY | O_CREAT | O_TRUNC)) {}
    void write(std::span<const std::byte> bytes) override {
        write_at(fd_, bytes, size_, path_);
        size_ += bytes.size();
    }

private:
    std::string path_;
    Fd fd_;
    std::uint64_t size_ = 0;
};

void add_directory(tar::Writer& tar, std::string name) {
    tar::Entry entry;
    entry.name = std::move(name);
    entry.type = tar::Type::directory;
    entry.attributes.permissions = 0755;
    tar.begin(entry);
}

void add_file(tar::Writer& tar, std::string name, std::string_view content) {
    tar::Entry entry;
    entry.name = std::move(name);
    entry.attributes.permissions = 0644;
    entry.size = content.size();
    tar.begin(entry);
    tar.write(std::as_bytes(std::span(content)));
}

} // namespace

void write_root_tar(const fs::path& path, std::size_t files, std::size_t bytes) {
    constexpr std::size_t kInModule = 100;
    constexpr std::size_t kInPackage = 20 * kInModule;
    fs::create_directories(path.parent_path());
    FileSink sink(path);
    tar::Writer tar(sink);
    std::mt19937 random(1);
    for (std::size_t i = 0; i < files; ++i) {
        const std::string package = fmt::format("pkg{:02}", i / kInPackage);
        const std::string module = fmt::format("{}/mod{:02}", package, i % kInPackage / kInModule);
        if (i % kInPackage == 0)
            add_directory(tar, package + "/");
        if (i % kInModule == 0)
            add_directory(tar, module + "/");
        std::string content;
        while (content.size() < bytes)
            content += fmt::format("{} = some text {}\n", random() % 1000, i);
        add_file(tar, fmt::format("{}/file{:03}.py", module, i % kInModule), content);
    }
    tar.finish();
}

} // namespace thinsnap::bench
