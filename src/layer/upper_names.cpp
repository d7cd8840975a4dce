#include "layer/upper_names.hpp"

namespace thinsnap::layer {

void UpperNames::add(ext4::InodeNumber directory, std::string_view name) {
    if (!is_made(directory))
        names_[directory].emplace(name);
}

bool UpperNames::contains(ext4::InodeNumber directory, std::string_view name) const {
    if (is_made(directory))
        return true;
    const auto names = names_.find(directory);
    return names != names_.end() && names->second.find(name) != names->second.end();
}

} // namespace thinsnap::layer
