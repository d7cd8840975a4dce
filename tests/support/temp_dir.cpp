#include "support/temp_dir.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <system_error>

namespace thinsnap::test {
namespace {

namespace fs = std::filesystem;

// A test may leave directories nobody may write to; only root removes from those without this.
void make_removable(const fs::path& root) {
    std::error_code ignored;
    fs::permissions(root, fs::perms::owner_all, fs::perm_options::add, ignored);
    for (fs::directory_iterator it{root, ignored}, end; !ignored && it != end;
         it.increment(ignored)) {
        std::error_code unknown;
        if (it->symlink_status(unknown).type() == fs::file_type::directory)
            make_removable(it->path());
    }
}

} // namespace

TempDir::TempDir() {
    std::string name = (fs::temp_directory_path() / "thinsnap-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw std::system_error(errno, std::generic_category(), "making directory " + name);
    path_ = name;
}

TempDir::~TempDir() {
    std::error_code error;
    fs::remove_all(path_, error);
    if (!error)
        return;
    make_removable(path_);
    fs::remove_all(path_, error);
    if (error)
        std::fprintf(stderr, "removing %s: %s\n", path_.c_str(), error.message().c_str());
}

} // namespace thinsnap::test
