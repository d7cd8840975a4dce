#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thinsnap::test {

/// A tar made by hand, block by block, so that it can be as wrong as a test wants it.
class TarBuilder {
public:
    using Records = std::vector<std::pair<std::string, std::string>>;

    /// One header. What does not fit its field is cut off.
    struct Header {
        std::string name{};
        char type = '0';
        std::string content{};
        std::string link{};
        unsigned mode = 0644;
        std::uint64_t uid = 0;
        std::uint64_t gid = 0;
        std::uint64_t mtime = 0;
        unsigned major = 0;
        unsigned minor = 0;
        Records pax{}; ///< an extended header of these comes before
        std::string magic = std::string("ustar\00000", 8);
        std::string prefix{};
        std::string size{}; ///< the field's text instead of the content's size
        /// Bytes to put at offsets of the header, before the checksum is made.
        std::vector<std::pair<std::size_t, std::string>> patches{};
    };

    TarBuilder& add(const Header& header);
    TarBuilder& file(const std::string& name, const std::string& content = {});
    TarBuilder& directory(const std::string& name, unsigned mode = 0755);
    TarBuilder& symlink(const std::string& name, const std::string& target);
    TarBuilder& hard_link(const std::string& name, const std::string& target);
    /// An extended header alone: type 'x', 'g', 'L', 'K'.
    TarBuilder& extension(char type, const std::string& body);
    TarBuilder& raw(std::string_view bytes);

    /// With the two blocks of zeros at the end.
    [[nodiscard]] std::string finished() const { return bytes_ + std::string(1024, '\0'); }
    [[nodiscard]] std::vector<std::byte> finished_bytes() const;
    [[nodiscard]] const std::string& unfinished() const { return bytes_; }

    [[nodiscard]] static std::string records(const Records& records);

private:
    std::string bytes_;
};

} // namespace thinsnap::test
