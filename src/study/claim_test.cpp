#include "study/claim.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/testing.h"

namespace tessera {
namespace {

using std::chrono::seconds;

TEST(Claims, AreHeldByOneAndFreeAfterwards) {
  TemporaryFolder folder;
  {
    const auto mine = Claim::take(folder / "claims/run", "a");
    ASSERT_TRUE(mine);
    EXPECT_FALSE(Claim::take(folder / "claims/run", "b"));
    EXPECT_TRUE(Claim::take(folder / "claims/other", "b"));
    EXPECT_TRUE(mine->beat());
  }
  EXPECT_TRUE(Claim::take(folder / "claims/run", "b"));
}

TEST(Claims, OfADeadWorkerExpireAndItLearnsOfIt) {
  TemporaryFolder folder;
  const auto path = folder / "claims/run";
  auto dead = Claim::take(path, "dead");
  ASSERT_TRUE(dead);
  fs::last_write_time(path, fs::last_write_time(path) - seconds(119));
  EXPECT_FALSE(Claim::take(path, "b"));
  fs::last_write_time(path, fs::last_write_time(path) - seconds(2));
  const auto other = Claim::take(path, "b");
  EXPECT_TRUE(other);
  EXPECT_FALSE(dead->beat());
  dead.reset();  // does not remove what is now another's
  EXPECT_FALSE(Claim::take(path, "c"));
  EXPECT_TRUE(other->beat());
}

// Of many that find a dead claim at once, one gets the run.
TEST(Claims, OneOfManyTakesADeadOne) {
  TemporaryFolder folder;
  for (int round = 0; round < 20; ++round) {
    const auto path = folder / ("claims/run" + std::to_string(round));
    fs::create_directories(path.parent_path());
    write_file(path, "dead\n1\n");
    fs::last_write_time(path, fs::last_write_time(path) - seconds(1000));
    std::atomic<int> held = 0, most = 0;
    std::vector<std::thread> workers;

    for (int i = 0; i < 4; ++i)
      workers.emplace_back([&, i] {
        auto claim = Claim::take(path, std::to_string(i));
        if (!claim) return;
        most = std::max(most.load(), ++held);
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        --held;
      });
    for (auto& worker : workers) worker.join();
    EXPECT_EQ(most, 1);
  }
  for (const auto& left : fs::directory_iterator(folder / "claims")) ADD_FAILURE() << left.path();
}

}  // namespace
}  // namespace tessera
