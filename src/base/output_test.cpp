#include "base/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "base/testing.h"

namespace tessera {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void make_link(const fs::path& to, const fs::path& at) { fs::create_symlink(to, at); }

// Runs `act` in another process, which is killed once it has said that it is ready, and may hold
// locks until then.
class OtherProcess {
 public:
  explicit OtherProcess(const std::function<void()>& act) {
    TESSERA_CHECK(::pipe(ready_) == 0);
    id_ = ::fork();
    if (id_ == 0) {
      try {
        act();
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    ::close(ready_[1]);
    char byte = 0;
    TESSERA_CHECK(::read(ready_[0], &byte, 1) == 1);
  }
  ~OtherProcess() { kill(); }
  void kill() {
    if (id_ <= 0) return;
    ::kill(id_, SIGKILL);
    ::waitpid(id_, nullptr, 0);
    ::close(ready_[0]);
    id_ = 0;
  }
  // Called by `act`: never returns.
  static void wait_to_be_killed(int ready) {
    TESSERA_CHECK(::write(ready, "x", 1) == 1);
    while (true) ::pause();
  }
  static inline int ready_[2];

 private:
  pid_t id_ = 0;
};

TEST(OutputFile, ADeviceIsWrittenAndStaysADevice) {
  const TemporaryFolder folder;
  const auto null = folder / "null";
  if (::mknod(null.c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0)
    GTEST_SKIP() << "making a device needs root";
  check_output_file(null);
  try {
    write_file(null, "x");
  } catch (const Error& error) {
    GTEST_SKIP() << "devices do not work here: " << error.what();
  }
  EXPECT_TRUE(fs::is_character_file(null));
  EXPECT_EQ(names_in(folder / "."), std::vector<std::string>{"null"});
}

TEST(OutputFile, TheSystemsOwnDevicesAreWritten) {
  check_output_file("/dev/null");
  write_file("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THAT(error_of([] { write_file("/dev/full", "x"); }),
              HasSubstr("/dev/full: cannot be written: No space left on device"));
}

TEST(OutputFile, APipeIsWrittenAndStaysAPipe) {
  const TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  check_output_file(pipe);  // does not wait for a reader
  std::string read;
  std::thread reader([&] {
    std::ifstream file(pipe);
    std::getline(file, read);
  });
  write_file(pipe, "through the pipe\n");
  reader.join();
  EXPECT_EQ(read, "through the pipe");
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST(OutputFile, FollowsSymbolicLinks) {
  const TemporaryFolder folder;
  write_file(folder / "there/file", "old");
  make_link("there/file", folder / "link");
  make_link(folder / "link", folder / "second");
  make_link("there/new", folder / "dangling");
  check_output_files({folder / "second", folder / "dangling"});
  write_file(folder / "second", "new");
  write_file(folder / "dangling", "made");
  EXPECT_EQ(read_file(folder / "there/file"), "new");
  EXPECT_EQ(read_file(folder / "there/new"), "made");
  for (const char* link : {"link", "second", "dangling"})
    EXPECT_TRUE(fs::is_symlink(folder / link)) << link;
  EXPECT_EQ(names_in(folder / "there"), (std::vector<std::string>{"file", "new"}));
  make_link("circle", folder / "circle");
  EXPECT_THAT(error_of([&] { check_output_file(folder / "circle"); }),
              AllOf(HasSubstr("circle: cannot be written: "), HasSubstr("symbolic links")));
}

TEST(OutputFile, KeepsTheRightsOfTheFileItReplaces) {
  const TemporaryFolder folder;
  write_file(folder / "private", "old");
  fs::permissions(folder / "private", fs::perms::owner_read | fs::perms::owner_write);
  write_file(folder / "private", "new");
  EXPECT_EQ(fs::status(folder / "private").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST(OutputFile, WritesAFileThatIsAMountPoint) {
  const TemporaryFolder folder;
  write_file(folder / "below", "old");
  write_file(folder / "mount", "");
  if (::mount((folder / "below").c_str(), (folder / "mount").c_str(), nullptr, MS_BIND, nullptr) !=
      0)
    GTEST_SKIP() << "mounting needs root";
  const auto problem = error_of([&] {
    check_output_file(folder / "mount");
    write_file(folder / "mount", "new");
  });
  ::umount((folder / "mount").c_str());
  EXPECT_EQ(problem, "");
  EXPECT_EQ(read_file(folder / "below"), "new");
}

TEST(CheckOutputFile, NamesThePathAndTheSystemsReason) {
  const TemporaryFolder folder;
  write_file(folder / "file", "in the way");
  EXPECT_EQ(error_of([&] { check_output_file(folder / "file/below"); }),
            (folder / "file/below").string() + ": cannot be written: Not a directory");
  EXPECT_THAT(error_of([&] { check_output_file(folder / "."); }),
              HasSubstr("is a folder, expected a file"));
  EXPECT_THAT(error_of([&] { check_output_file(folder / std::string(300, 'x')); }),
              HasSubstr("File name too long"));
  EXPECT_THAT(error_of([] { check_output_file("/proc/tessera/model"); }),
              HasSubstr("/proc/tessera/model: cannot be written: "));
  EXPECT_EQ(error_of([&] { check_output_file(folder / "new/folder/file"); }), "");
  EXPECT_EQ(error_of([&] { check_output_file(folder / std::string(250, 'x')); }), "");
  EXPECT_EQ(names_in(folder / "."), std::vector<std::string>{"file"});
}

TEST(CheckOutputFile, RefusesWhatAnOrdinaryUserMayNotWrite) {
  const bool is_root = ::geteuid() == 0;
  const TemporaryFolder folder;
  fs::create_directory(folder / "closed");
  write_file(folder / "closed/file", "old");
  fs::permissions(folder / ".", fs::perms::others_exec, fs::perm_options::add);
  fs::permissions(folder / "closed", fs::perms::owner_write, fs::perm_options::remove);
  fs::permissions(folder / "closed/file", fs::perms::owner_write, fs::perm_options::remove);
  if (is_root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const auto new_file = error_of([&] { check_output_file(folder / "closed/new/file"); });
  const auto old_file = error_of([&] { check_output_file(folder / "closed/file"); });
  const auto lock = error_of([&] { FolderLock held(folder / "closed/run"); });
  const auto whole = error_of([&] { NewFolder images(folder / "closed/images"); });
  if (is_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  fs::permissions(folder / "closed", fs::perms::owner_write, fs::perm_options::add);
  for (const auto& problem : {new_file, old_file, lock, whole})
    EXPECT_THAT(problem, AllOf(HasSubstr("closed"), HasSubstr("Permission denied")));
}

TEST(CheckOutputFile, RefusesAReadOnlyFileSystem) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "mount");
  if (::mount("none", (folder / "mount").c_str(), "tmpfs", MS_RDONLY, nullptr) != 0)
    GTEST_SKIP() << "mounting needs root";
  const auto problem = error_of([&] { check_output_file(folder / "mount/file"); });
  const auto whole = error_of([&] { NewFolder images(folder / "mount/images"); });
  ::umount((folder / "mount").c_str());
  for (const auto& text : {problem, whole}) EXPECT_THAT(text, HasSubstr("Read-only file system"));
}

TEST(CheckOutputFile, RefusesOneFileForTwoOutputs) {
  const TemporaryFolder folder;
  make_link("a.json", folder / "link");
  EXPECT_THAT(error_of([&] {
                check_output_files({folder / "a.json", folder / "link"});
              }),
              HasSubstr("would be written twice"));
  EXPECT_THAT(error_of([&] {
                check_output_files({folder / "x/a", folder / "x/../x/a"});
              }),
              HasSubstr("would be written twice"));
  EXPECT_EQ(error_of([] { check_output_files({"/dev/null", "/dev/null", "", "", "-", "-"}); }), "");
}

TEST(CheckRoom, SaysHowMuchIsNeededAndLeft) {
  const TemporaryFolder folder;
  check_room(folder / "new/folder", 1000);
  EXPECT_THAT(error_of([&] { check_room(folder / "new/folder", std::uintmax_t{1} << 62); }),
              AllOf(HasSubstr("are needed"), HasSubstr("are left on its disk")));
}

TEST(Leftovers, OfADeadProcessAreRemovedAndThoseOfALivingOneStay) {
  const TemporaryFolder folder;
  write_file(folder / "p.partial", "a user's own");
  write_file(folder / ".notes.tessera-x", "a user's own");
  const auto write = [&] {
    OutputFile file(folder / "result");
    const NewFolder images(folder / "images");
    file.stream() << "half";
    OtherProcess::wait_to_be_killed(OtherProcess::ready_[1]);
  };
  OtherProcess other(write);
  EXPECT_EQ(names_in(folder / ".").size(), 5u);  // two of the user's, a file, a folder, its stage
  check_output_file(folder / "result");
  EXPECT_EQ(names_in(folder / ".").size(), 5u);
  EXPECT_THAT(error_of([&] { NewFolder second(folder / "images"); }),
              HasSubstr("is being written by process"));
  other.kill();
  check_output_file(folder / "result");
  EXPECT_EQ(names_in(folder / "."),
            (std::vector<std::string>{".notes.tessera-x", "images", "p.partial"}));
  NewFolder second(folder / "images");
  second.finish();
  EXPECT_THAT(names_in(folder / "images"), IsEmpty());
}

TEST(FolderLock, KeepsAnotherProcessOutUntilItDies) {
  const TemporaryFolder folder;
  OtherProcess other([&] {
    const FolderLock lock(folder / "run");
    OtherProcess::wait_to_be_killed(OtherProcess::ready_[1]);
  });
  EXPECT_THAT(error_of([&] { FolderLock second(folder / "run/"); }),
              AllOf(HasSubstr("run/: is being written by process "), HasSubstr(" since ")));
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    other.kill();
  });
  int told = 0;
  {
    const auto lock = FolderLock::wait(folder / "run", [&](const auto&) { ++told; });
    EXPECT_EQ(names_in(folder / "run"), std::vector<std::string>{".tessera-lock"});
  }
  killer.join();
  EXPECT_EQ(told, 1);
  EXPECT_THAT(names_in(folder / "run"), IsEmpty());
}

TEST(FolderLock, RemovesTheFoldersThatItMadeForNothing) {
  const TemporaryFolder folder;
  { const FolderLock lock(folder / "a/b/c"); }
  EXPECT_THAT(names_in(folder / "."), IsEmpty());
  {
    const FolderLock lock(folder / "a/b/c");
    write_file(folder / "a/b/file", "x");
  }
  EXPECT_EQ(names_in(folder / "a/b"), std::vector<std::string>{"file"});
}

TEST(FolderLock, AFileInTheWayIsNamed) {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  EXPECT_THAT(error_of([&] { FolderLock lock(folder / "file"); }), HasSubstr("is not a folder"));
  EXPECT_THAT(error_of([&] { FolderLock lock(folder / "file/below"); }),
              HasSubstr("below: cannot be written: "));
  EXPECT_THAT(error_of([] { FolderLock lock("/dev/null"); }), HasSubstr("is not a folder"));
}

TEST(NewFolder, AppearsWholeAndFailsWithoutATrace) {
  const TemporaryFolder folder;
  {
    const NewFolder unfinished(folder / "deep/out");
    write_file(unfinished.path() / "class/0.png", "x");
    EXPECT_EQ(names_in(folder / "deep/out"), std::vector<std::string>{".tessera-lock"});
  }
  EXPECT_THAT(names_in(folder / "."), IsEmpty());
  NewFolder finished(folder / "deep/out/");
  write_file(finished.path() / "class/0.png", "x");
  finished.finish();
  EXPECT_EQ(names_in(folder / "deep"), std::vector<std::string>{"out"});
  EXPECT_EQ(names_in(folder / "deep/out"), std::vector<std::string>{"class"});
}

TEST(NewFolder, WritesIntoAnEmptyFolderAndThroughALinkToOne) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "empty");
  make_link("empty", folder / "link");
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat((folder / "empty").c_str(), &before), 0);
  {
    NewFolder out(folder / "link");
    write_file(out.path() / "model.safetensors", "x");
    write_file(out.path() / "config.json", "x");
    out.finish();
  }
  ASSERT_EQ(::stat((folder / "empty").c_str(), &after), 0);
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(names_in(folder / "empty"),
            (std::vector<std::string>{"config.json", "model.safetensors"}));
  EXPECT_THAT(error_of([&] { NewFolder again(folder / "link"); }),
              HasSubstr("exists and holds files"));
}

TEST(NewFolder, WritesIntoAMountPoint) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "mount");
  if (::mount("none", (folder / "mount").c_str(), "tmpfs", 0, nullptr) != 0)
    GTEST_SKIP() << "mounting needs root";
  const auto problem = error_of([&] {
    NewFolder out(folder / "mount");
    write_file(out.path() / "class/0.png", "x");
    out.finish();
  });
  const auto names = names_in(folder / "mount");
  ::umount((folder / "mount").c_str());
  EXPECT_EQ(problem, "");
  EXPECT_EQ(names, std::vector<std::string>{"class"});
}

TEST(NewFolder, LeavesAUsersPartialFolderAlone) {
  const TemporaryFolder folder;
  write_file(folder / "p.partial/f", "x");
  { const NewFolder out(folder / "p"); }
  EXPECT_EQ(read_file(folder / "p.partial/f"), "x");
}

}  // namespace
}  // namespace tessera
