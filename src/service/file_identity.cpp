#include "service/file_identity.hpp"

#include <sys/stat.h>

namespace thinsnap::service {

rpc::Json identity_of(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0)
        return nullptr;
    return {{"device", st.st_dev}, {"inode", st.st_ino}};
}

} // namespace thinsnap::service
