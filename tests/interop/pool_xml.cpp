#include "interop/pool_xml.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace thinsnap::test {

namespace {

using Mappings = std::map<std::uint64_t, std::pair<std::uint64_t, std::uint32_t>>;

class Pool {
public:
    Pool(const PoolShape& shape, Random& random)
        : shape_(shape)
        , random_(random) {}

    void make_devices() {
        const std::uint64_t each = shape_.mappings / shape_.devices;
        for (std::uint32_t i = 0; i < shape_.devices; ++i) {
            if (i == 0 || random_.one_in(8)) {
                devices_.emplace_back();
                extend(devices_.back(), each);
                continue;
            }
            ++time_;
            Mappings copy = devices_[random_.below(devices_.size())];
            change(copy, 1 + random_.below(each / 10 + 1));
            if (copy.size() < each)
                extend(copy, each - copy.size());
            devices_.push_back(std::move(copy));
        }
    }

    [[nodiscard]] std::string xml() const {
        std::string text = fmt::format("<superblock uuid=\"\" time=\"{}\" transaction=\"{}\" "
                                       "flags=\"0\" version=\"2\" data_block_size=\"128\" "
                                       "nr_data_blocks=\"{}\">\n",
                                       time_,
                                       devices_.size(),
                                       shape_.data_chunks);
        for (std::size_t i = 0; i < devices_.size(); ++i) {
            fmt::format_to(std::back_inserter(text),
                           "<device dev_id=\"{}\" mapped_blocks=\"{}\" transaction=\"{}\" "
                           "creation_time=\"{}\" snap_time=\"{}\">\n",
                           i * 3 + 1,
                           devices_[i].size(),
                           i,
                           time_ / 2,
                           time_);
            for (const auto& [key, mapping] : devices_[i])
                fmt::format_to(std::back_inserter(text),
                               "<single_mapping origin_block=\"{}\" data_block=\"{}\" "
                               "time=\"{}\"/>\n",
                               key,
                               mapping.first,
                               mapping.second);
            text += "</device>\n";
        }
        return text + "</superblock>\n";
    }

private:
    [[nodiscard]] std::uint64_t new_chunk() {
        if (random_.one_in(20))
            next_chunk_ += random_.below(5);
        return next_chunk_++ % shape_.data_chunks;
    }

    /// Runs with holes between them, behind what is there.
    void extend(Mappings& device, std::uint64_t nr) {
        std::uint64_t key = device.empty() ? 0 : device.rbegin()->first + 1;
        while (nr > 0) {
            key += random_.below(4) * random_.below(50);
            const std::uint64_t length = std::min(nr, 1 + random_.below(60));
            for (std::uint64_t i = 0; i < length; ++i)
                device[key++] = {new_chunk(), time_};
            nr -= length;
        }
    }

    void change(Mappings& device, std::uint64_t nr) {
        const std::uint64_t past = device.rbegin()->first + 1;
        while (nr-- > 0) {
            const std::uint64_t key = random_.below(past);
            if (random_.one_in(5))
                device.erase(key);
            else
                device[key] = {new_chunk(), time_};
        }
        if (device.empty())
            device[0] = {new_chunk(), time_};
    }

    const PoolShape& shape_;
    Random& random_;
    std::vector<Mappings> devices_;
    std::uint32_t time_ = 0;
    std::uint64_t next_chunk_ = 0;
};

} // namespace

std::string make_pool_xml(const PoolShape& shape, Random& random) {
    Pool pool(shape, random);
    pool.make_devices();
    return pool.xml();
}

} // namespace thinsnap::test
