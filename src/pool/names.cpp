#include <thinsnap/thin_pool.hpp>

namespace thinsnap {

std::string_view to_string(PoolMode mode) noexcept {
    switch (mode) {
    case PoolMode::write:
        return "write";
    case PoolMode::out_of_data_space:
        return "out_of_data_space";
    case PoolMode::read_only:
        return "read_only";
    case PoolMode::failed:
        break;
    }
    return "failed";
}

std::string_view to_string(DiffKind kind) noexcept {
    switch (kind) {
    case DiffKind::left_only:
        return "left_only";
    case DiffKind::right_only:
        return "right_only";
    case DiffKind::different:
        break;
    }
    return "different";
}

} // namespace thinsnap
