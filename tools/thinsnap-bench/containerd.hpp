#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "program.hpp"

namespace thinsnap::bench {

/// A containerd of our own, with everything it keeps in a directory; its destructor ends it.
class Containerd {
public:
    /// Empty: this machine has none, or its overlayfs snapshotter does not work here; `why` says
    /// which.
    [[nodiscard]] static std::unique_ptr<Containerd> start(const std::filesystem::path& directory,
                                                           std::string& why);

    /// `ctr` with these arguments.
    [[nodiscard]] Command ctr(const Command& arguments) const;

private:
    Containerd(const std::filesystem::path& directory, const std::filesystem::path& configuration);
    [[nodiscard]] std::string plugins() const;

    std::filesystem::path directory_;
    Program daemon_;
};

} // namespace thinsnap::bench
