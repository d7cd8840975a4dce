#include <thinsnap/version.hpp>

namespace thinsnap {

std::string_view version() noexcept {
    return THINSNAP_VERSION;
}

} // namespace thinsnap
