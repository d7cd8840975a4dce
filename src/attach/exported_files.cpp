#include "attach/exported_files.hpp"

#include <utility>

#include "attach/fuse_mount.hpp"
#include "attach/fuse_operations.hpp"

namespace thinsnap::attach {

struct ExportedFiles::Parts {
    Parts(std::string directory, unsigned threads)
        : mount(std::move(directory), threads, server) {}

    FuseServer server; // outlives the mount
    FuseMount mount;
};

ExportedFiles::ExportedFiles(std::string directory, const ExportOptions& options)
    : parts_(std::make_unique<Parts>(std::move(directory), options.threads)) {}

ExportedFiles::~ExportedFiles() = default;

std::string ExportedFiles::add(const std::string& name,
                               std::shared_ptr<BlockDevice> device,
                               const ExportedDevice& how) {
    parts_->server.files.add(name, std::move(device), how);
    return path_of(name);
}

void ExportedFiles::remove(const std::string& name) {
    parts_->server.files.remove(name);
}

void ExportedFiles::replace(const std::string& name, std::shared_ptr<BlockDevice> device) {
    parts_->server.files.replace(name, std::move(device));
}

bool ExportedFiles::is_open(const std::string& name) const {
    return parts_->server.files.is_open(name);
}

const std::string& ExportedFiles::directory() const {
    return parts_->mount.directory();
}

std::string ExportedFiles::path_of(const std::string& name) const {
    return directory() + "/" + name;
}

} // namespace thinsnap::attach
