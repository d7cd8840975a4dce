#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "journal/objects.hpp"
#include "journal/records.hpp"

namespace thinsnap::journal {

/// How to take back what State::apply() did: what was there before, in the order of the changes.
class Undo {
public:
    /// A point to go back to.
    [[nodiscard]] std::size_t mark() const noexcept { return changes_.size(); }
    void clear() noexcept { changes_.clear(); }

private:
    friend class State;
    friend class Folder;
    using OldLayer = std::pair<DeviceId, std::optional<Layer>>;
    using OldContainer = std::pair<DeviceId, std::optional<Container>>;
    using OldImage = std::pair<std::string, std::optional<Image>>;
    std::vector<std::variant<OldLayer, OldContainer, OldImage>> changes_;
};

/// The fold of a journal's records: layers, containers and images, with what finds them.
///
/// apply() either does a record or throws and changes nothing. All rules of what may follow what
/// are here, so a journal that could be read makes sense.
/// Threads: any number of readers, or one writer.
class State {
public:
    State() = default;
    State(State&&) noexcept = default;
    State& operator=(State&&) noexcept = default;
    State(const State&) = delete; // the indexes point into the tables
    State& operator=(const State&) = delete;
    ~State() = default;

    // By device; condemned ones are there, too. Order: none.
    [[nodiscard]] const std::unordered_map<DeviceId, Layer>& layers() const { return layers_; }
    [[nodiscard]] const std::unordered_map<DeviceId, Container>& containers() const {
        return containers_;
    }
    [[nodiscard]] const std::map<std::string, Image, std::less<>>& images() const {
        return images_;
    }

    // Null where there is none. Valid until the next change. Cost: one look-up each.
    [[nodiscard]] const Layer* find_layer(DeviceId device) const;
    /// A ready layer with that chain ID. Several may have it (an applied one, and committed ones
    /// that turned out to be the same): an applied one comes first, then the lowest device id.
    [[nodiscard]] const Layer* find_layer(const Digest& chain_id) const;
    [[nodiscard]] const Container* find_container(DeviceId device) const;
    /// Not among the condemned: their names are free again.
    [[nodiscard]] const Container* find_container(std::string_view name) const;
    [[nodiscard]] const Image* find_image(std::string_view name) const;

    /// Layers and containers on this layer; the condemned have left it.
    [[nodiscard]] std::uint64_t children(DeviceId layer) const;
    [[nodiscard]] bool knows(DeviceId device) const;
    /// The id that was last given to a layer or a container.
    [[nodiscard]] DeviceId last_device() const noexcept { return last_device_; }
    /// Layers, containers and images together.
    [[nodiscard]] std::size_t size() const {
        return layers_.size() + containers_.size() + images_.size();
    }

    /// Does a record. Records about the pool (PoolCreate, ...) and about the journal itself
    /// (Aborted) change nothing here; a CheckpointEnd is compared with what there is.
    /// \param undo  filled so that take_back() can take it back; null: for good
    /// \throws Error(already_exists)    a device or a container's name is taken
    /// \throws Error(not_found)         there is no such layer, container, image or parent
    /// \throws Error(precondition)      the object's stage or its children forbid it
    /// \throws Error(invalid_argument)  an empty or overlong name, an overlong mount point, a
    /// device id over the limit
    void apply(Record record, Undo* undo = nullptr);

    /// That many containers are to come, about.
    void reserve(std::size_t containers);

    /// Takes back all that was done since `mark`, last first. last_device() stays: an id is not
    /// given away again at once.
    void take_back(Undo& undo, std::size_t mark = 0);

    /// For repair, which may do what no record can: the layer or container is not there any more,
    /// and what was on it has no parent.
    void forget(DeviceId device);

    /// \throws Error(precondition)  the counts differ, both in the text
    void require_counts(const CheckpointEnd& end) const;

    friend bool operator==(const State& a, const State& b) {
        return a.layers_ == b.layers_ && a.containers_ == b.containers_ && a.images_ == b.images_ &&
               a.last_device_ == b.last_device_;
    }

    static constexpr std::size_t kMaxName = 4096; ///< bytes, of containers and images
    static constexpr std::size_t kMaxPath = 4096; ///< bytes, of mount points

private:
    friend class Folder;

    // Each puts a value in the place of another (none: it is not there) and keeps the indexes true.
    std::optional<Layer> exchange(DeviceId device, std::optional<Layer> value);
    std::optional<Container> exchange(DeviceId device, std::optional<Container> value);
    std::optional<Image> exchange(const std::string& name, std::optional<Image> value);

    void index(const Layer& layer);
    void unindex(const Layer& layer);
    void add_child(const std::optional<DeviceId>& parent);
    void remove_child(const std::optional<DeviceId>& parent);

    std::unordered_map<DeviceId, Layer> layers_;
    std::unordered_map<DeviceId, Container> containers_;
    std::map<std::string, Image, std::less<>> images_;
    std::unordered_multimap<Digest, DeviceId> by_chain_;
    std::unordered_map<std::string_view, DeviceId> by_name_; ///< views of the containers' own names
    std::unordered_map<DeviceId, std::uint64_t> children_;
    DeviceId last_device_;
};

} // namespace thinsnap::journal
