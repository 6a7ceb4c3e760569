#include "base/processes.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/testing.h"

namespace tessera {
namespace {

using testing::HasSubstr;

// Waits until the user asks to stop, as a training loop does.
void work_until_interrupted(const fs::path& note) {
  for (int tries = 0; tries < 3000 && !interrupted(); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  write_file(note, interrupted() ? "saved" : "never stopped");
  throw Interrupted("saved");
}

TEST(Processes, RunEveryJobInAProcessOfItsOwn) {
  const TemporaryFolder folder;
  std::vector<Job> jobs;
  for (const std::string name : {"a", "b", "c", "d", "e"})
    jobs.push_back(
        {name, [&folder, name] { write_file(folder / name, std::to_string(getpid())); }});
  run_in_processes(jobs, 2);
  for (const auto& job : jobs)
    EXPECT_NE(read_file(folder / job.name), std::to_string(getpid())) << job.name;
}

TEST(Processes, ShowLinesBehindTheJobsName) {
  testing::internal::CaptureStderr();
  run_in_processes({{"plain", [] { std::fputs("one\ntwo\n", stderr); }}}, 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "plain  one\nplain  two\n");
}

TEST(Processes, AnErrorInterruptsTheOthersAndIsThrown) {
  catch_interrupts();  // as the program does, before it forks
  const TemporaryFolder folder;
  const std::vector<Job> jobs = {{"long", [&] { work_until_interrupted(folder / "note"); }},
                                 {"bad", [] { throw Error("tokens.safetensors: is junk"); }},
                                 {"never", [&] { write_file(folder / "never", "started"); }}};
  try {
    run_in_processes(jobs, 2);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "bad: tokens.safetensors: is junk");
  }
  EXPECT_EQ(read_file(folder / "note"), "saved");
  EXPECT_FALSE(fs::exists(folder / "never"));
}

TEST(Processes, AJobToldToStopASecondTimeWasInterrupted) {
  for (const int told : {SIGINT, SIGTERM}) {
    const std::vector<Job> jobs = {{"twice", [told] {
                                      signal(told, SIG_DFL);  // as after the first time
                                      raise(told);
                                    }}};
    EXPECT_THROW(run_in_processes(jobs, 1), Interrupted) << told;
  }
}

TEST(Processes, ASourceThatThrowsLeavesNoJobBehind) {
  catch_interrupts();
  const TemporaryFolder folder;
  int handed_out = 0;
  const JobSource source = {.next = [&]() -> std::optional<Job> {
                              if (handed_out++ > 0) throw Error("the folder is gone");
                              return Job{"long", [&] { work_until_interrupted(folder / "note"); }};
                            },
                            .more = [] { return true; },
                            .ended = [](const std::string&, std::exception_ptr) {},
                            .tick = [] { return std::vector<std::string>(); }};
  EXPECT_THAT(error_of([&] { run_in_processes(source, 2); }), HasSubstr("the folder is gone"));
  EXPECT_EQ(read_file(folder / "note"), "saved");
}

TEST(Processes, ACrashIsAFaultThatNamesTheJob) {
  try {
    run_in_processes({{"crash", [] { raise(SIGKILL); }}}, 1);
    FAIL() << "expected a fault";
  } catch (const Error&) {
    FAIL() << "a crash is no bad input";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("crash: Killed"));
  }
}

}  // namespace
}  // namespace tessera
