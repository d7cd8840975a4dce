#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/snapshotter_handle.hpp"
#include "attach/mounts.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/layer_references.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/request.hpp"
#include "sights.hpp"

namespace thinsnap::tools {

namespace {

namespace fs = std::filesystem;
using journal::Container;
using rpc::Json;

/// What is to be active, and how.
struct Wish {
    std::string name;
    bool read_only = false;
    std::string directory{}; ///< empty: it is not to be mounted
};

Json request_activation(const Context& context, const Wish& wish) {
    return service::carry_out(context.address(),
                              {.method = "container.activate",
                               .params = {{"name", wish.name},
                                          {"read_only", wish.read_only},
                                          {"for_mount", !wish.directory.empty()}},
                               .needs_server = true});
}

enum class AfterBoot { keep, forget };

/// Whatever was mounted of it has gone: it may go, too. Somebody else may have seen to that.
void give_back(const Context& context, const std::string& name, AfterBoot after_boot) {
    try {
        static_cast<void>(
            service::carry_out(context.address(),
                               {.method = "container.deactivate",
                                .params = {{"name", name},
                                           {"for_mount", true},
                                           {"forget", after_boot == AfterBoot::forget}}}));
    } catch (const Error& error) {
        if (error.kind() != Errc::not_found)
            throw;
    }
}

void give_back_quietly(const Context& context, const std::string& name) {
    try {
        give_back(context, name, AfterBoot::keep);
    } catch (const Error&) { // NOLINT(bugprone-empty-catch) what made us give it back is told
    }
}

Json activate_and_mount(const Context& context, const Wish& wish) {
    Json active = request_activation(context, wish);
    if (wish.directory.empty())
        return active;
    try {
        attach::mount_ext4(active.at("path").get<std::string>(), wish.directory, wish.read_only);
    } catch (const Error&) {
        give_back_quietly(context, wish.name);
        throw;
    }
    active["mount_point"] = wish.directory;
    return active;
}

void make_persistent(const Context& context, const Wish& wish) {
    static_cast<void>(service::carry_out(context.address(),
                                         {.method = "container.persist",
                                          .params = {{"name", wish.name},
                                                     {"mount_point", wish.directory},
                                                     {"read_only", wish.read_only}}}));
}

/// Activates and mounts what is to be so after every boot, and is not.
int activate_all(const Context& context) {
    // A server that is being killed looks alive to who only looks. Whoever answers this has either
    // heard from it or cleaned up after it.
    static_cast<void>(service::carry_out(context.address(), {.method = "pool.status"}));
    const journal::State state = app::read_journal_state(context.pool);
    const Sights sights(context.pool);
    std::size_t failed = 0;
    Errc kind{};
    for (const auto& [device, container] : state.containers()) {
        const std::string now = sights.of(device).state;
        if (!container.activation || now == "mounted" ||
            (now == "active" && container.activation->mount_point.empty()))
            continue;
        try {
            activate_and_mount(context,
                               {.name = container.name,
                                .read_only = container.activation->read_only,
                                .directory = container.activation->mount_point});
        } catch (const Error& error) { // the others shall not suffer from it
            context.warn(fmt::format("{}: {}", container.name, error.what()));
            kind = error.kind();
            ++failed;
        }
    }
    if (failed > 0)
        throw Error(kind, fmt::format("{} persistent containers could not be activated", failed));
    return 0;
}

int activate(const Context& context, const Arguments& arguments) {
    if (arguments.has("all") == !arguments.words().empty())
        throw Error(Errc::invalid_argument, "give either a name or --all");
    if (arguments.has("all"))
        return activate_all(context);
    const Wish wish{.name = arguments.words()[0], .read_only = arguments.has("read-only")};
    const Json active = activate_and_mount(context, wish);
    if (arguments.has("persist"))
        make_persistent(context, wish);
    if (context.json)
        context.out.json(active);
    else
        context.out.text(active.at("path").get<std::string>() + "\n");
    return 0;
}

int deactivate(const Context& context, const Arguments& arguments) {
    const Json result =
        service::carry_out(context.address(),
                           {.method = "container.deactivate",
                            .params = {{"name", arguments.words()[0]},
                                       {"forget", true},
                                       {"when_unused", arguments.has("when-unused")}}});
    if (context.json)
        context.out.json(result);
    return 0;
}

/// The mount point as the kernel will call it.
std::string mount_point_of(const std::string& word) {
    std::error_code error;
    const fs::path directory = fs::canonical(word, error);
    if (error)
        throw SystemError(error.value(), fmt::format("looking for the directory {}", word));
    return directory.string();
}

int mount(const Context& context, const Arguments& arguments) {
    const Wish wish{.name = arguments.words()[0],
                    .read_only = arguments.has("read-only"),
                    .directory = mount_point_of(arguments.words()[1])};
    const Json mounted = activate_and_mount(context, wish);
    if (arguments.has("persist"))
        make_persistent(context, wish);
    if (context.json)
        context.out.json(mounted);
    return 0;
}

/// Of the container, or of the image's top layer.
std::optional<DeviceId> find_device(const journal::State& state, const std::string& name) {
    if (const Container* container = state.find_container(name))
        return container->device;
    try {
        const journal::Image* image = snapshotter::find_image(state, name);
        const journal::Layer* layer =
            image != nullptr ? snapshotter::top_layer_of(state, *image) : nullptr;
        return layer != nullptr ? std::optional(layer->device) : std::nullopt;
    } catch (const Error&) { // no name of an image: a path
        return std::nullopt;
    }
}

/// What `umount` is to take away.
struct Mounted {
    std::string name;
    std::vector<std::string> directories; ///< last mounted first
};

/// \param word  a mount point, or what is mounted
Mounted find_mounted(const Context& context, const std::string& word) {
    const Sights sights(context.pool);
    std::error_code error; // a directory whose server has died cannot be asked
    for (const fs::path& directory :
         {fs::absolute(word).lexically_normal(), fs::weakly_canonical(word, error)})
        if (const auto* seen = sights.find_by_mount(directory.string()))
            return {.name = seen->device.name, .directories = {directory.string()}};
    const auto device = find_device(app::read_journal_state(context.pool), word);
    const attach::SeenDevice* seen = device ? sights.find(*device) : nullptr;
    if (seen == nullptr)
        throw Error(Errc::not_found,
                    fmt::format("{} is neither mounted from the pool {} nor a mount point of it",
                                word,
                                context.pool.string()));
    Mounted found{.name = seen->device.name, .directories = {}};
    for (const attach::MountPlace& place : seen->mounts)
        if (place.pid == 0)
            found.directories.push_back(place.directory);
    std::ranges::reverse(found.directories);
    if (found.directories.empty())
        throw Error(Errc::not_found, fmt::format("{} is not mounted in this namespace", word));
    return found;
}

int unmount(const Context& context, const Arguments& arguments) {
    const Mounted mounted = find_mounted(context, arguments.words()[0]);
    for (const std::string& directory : mounted.directories)
        attach::unmount(directory, attach::Unmount::now);
    give_back(context, mounted.name, AfterBoot::forget);
    if (context.json)
        context.out.json({{"name", mounted.name}, {"unmounted", mounted.directories}});
    return 0;
}

constexpr Option kActivateOptions[] = {
    {"read-only", nullptr, "nobody can write it; the only way for an image"},
    {"persist", nullptr, "also after every boot, until it is deactivated"},
    {"all", nullptr, "what is to be active after every boot, and is not"},
};
constexpr Option kDeactivateOptions[] = {
    {"when-unused", nullptr, "if it is in use, as soon as it is not"},
};
constexpr Option kMountOptions[] = {
    {"read-only", nullptr, "nobody can write it; the only way for an image"},
    {"persist", nullptr, "also after every boot, until it is unmounted by 'umount'"},
};

constexpr Command kMountCommands[] = {
    {"",
     "activate",
     "[NAME]",
     "make a container or an image a block device",
     0,
     1,
     kActivateOptions,
     activate,
     Effect::changes},
    {"",
     "deactivate",
     "NAME",
     "take the block device away",
     1,
     1,
     kDeactivateOptions,
     deactivate,
     Effect::changes},
    {"",
     "mount",
     "NAME DIR",
     "mount a container or an image",
     2,
     2,
     kMountOptions,
     mount,
     Effect::changes},
    {"",
     "umount",
     "NAME|DIR",
     "unmount a container or an image",
     1,
     1,
     {},
     unmount,
     Effect::changes},
};

} // namespace

std::span<const Command> mount_commands() {
    return kMountCommands;
}

} // namespace thinsnap::tools
