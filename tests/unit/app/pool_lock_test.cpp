#include "app/pool_lock.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/core.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

using app::Access;
using app::PoolLock;
using std::chrono::milliseconds;

std::string refusal(const std::string& path, Access access, milliseconds timeout) {
    try {
        const PoolLock lock(path, access, timeout);
    } catch (const Error& error) {
        CHECK(error.kind() == Errc::busy);
        return error.what();
    }
    return "locked";
}

} // namespace

TEST_SUITE("app.pool_lock") {
    TEST_CASE("one owner excludes all others and readers only exclude owners") {
        const TempDir dir;
        const std::string path = (dir / "lock").string();
        const milliseconds none{0};
        {
            const PoolLock owner(path, Access::exclusive, none);
            CHECK(owner.has_created_file());
            CHECK(refusal(path, Access::exclusive, none) != "locked");
            CHECK(refusal(path, Access::shared, none) != "locked");
        }
        const PoolLock reader(path, Access::shared, none);
        CHECK_FALSE(reader.has_created_file());
        CHECK(refusal(path, Access::shared, none) == "locked");
        CHECK(refusal(path, Access::exclusive, none) != "locked");
    }

    TEST_CASE("the refusal names the holder and how long it waited") {
        const TempDir dir;
        const std::string path = (dir / "lock").string();
        for (const Access held : {Access::exclusive, Access::shared}) {
            const PoolLock owner(path, held, milliseconds(0));
            const std::string text = refusal(path, Access::exclusive, milliseconds(100));
            CHECK(text.find(fmt::format("in use by process {} (", ::getpid())) !=
                  std::string::npos);
            CHECK(text.find("unit_app_test") != std::string::npos);
            CHECK(text.find("waited 0.1 s") != std::string::npos);
        }
    }

    TEST_CASE("the lock file tells the owner and is empty afterwards") {
        const TempDir dir;
        const std::string path = (dir / "lock").string();
        {
            const PoolLock owner(path, Access::exclusive, milliseconds(0));
            CHECK(read_text_file(path).starts_with(fmt::format("{} (", ::getpid())));
        }
        CHECK(read_text_file(path).empty());
    }

    TEST_CASE("waiting ends when the lock is given up") {
        const TempDir dir;
        const std::string path = (dir / "lock").string();
        std::optional<PoolLock> owner(std::in_place, path, Access::exclusive, milliseconds(0));
        std::jthread release([&] {
            std::this_thread::sleep_for(milliseconds(100));
            owner.reset();
        });
        CHECK(refusal(path, Access::exclusive, milliseconds(20000)) == "locked");
    }

    TEST_CASE("who waits can look elsewhere meanwhile and who need not wait does not") {
        const TempDir dir;
        const std::string path = (dir / "lock").string();
        int looks = 0;
        const auto look = [&] {
            if (++looks == 3)
                throw std::runtime_error("found elsewhere");
        };
        const PoolLock owner(path, Access::exclusive, milliseconds(0), look);
        CHECK(looks == 0);
        CHECK_THROWS_AS(PoolLock(path, Access::shared, milliseconds(60000), look),
                        std::runtime_error);
    }

    TEST_CASE("a lock file that is removed while somebody waits is made anew") {
        const TempDir dir;
        const std::string path = (dir / "lock").string();
        std::optional<PoolLock> owner(std::in_place, path, Access::exclusive, milliseconds(0));
        std::jthread release([&] {
            std::this_thread::sleep_for(milliseconds(100));
            std::filesystem::remove(path);
            owner.reset();
        });
        const PoolLock waiter(path, Access::exclusive, milliseconds(20000));
        CHECK(refusal(path, Access::exclusive, milliseconds(0)) != "locked");
    }

    TEST_CASE("a directory that is not there is an error and no wait") {
        const TempDir dir;
        CHECK_THROWS_AS(PoolLock((dir / "none/lock").string(), Access::shared, milliseconds(60000)),
                        Error);
    }
}

} // namespace thinsnap::test
