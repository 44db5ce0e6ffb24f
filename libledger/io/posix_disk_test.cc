#include "io/posix_disk.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fstream>

#include "io/temporary_directory.h"

using namespace ledger;
using namespace ledger::io;
namespace fs = std::filesystem;

namespace {

void put(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

mode_t mode(const std::string& path) {
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

template <class T>
Error error(const Result<T>& result) {
  REQUIRE_FALSE(result);
  return result.error();
}

template <class T>
bool refused(const Result<T>& result) {
  return !result && result.error().code == Code::file_permission;
}

/// A small tmpfs of our own, in a mount namespace of our own; unusable where we may not mount.
class SmallDisk {
 public:
  explicit SmallDisk(const char* options) {
    mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
               ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("none", directory_.path().c_str(), "tmpfs", 0, options) == 0;
    if (!mounted_) MESSAGE("skipped: mounting a tmpfs needs root");
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount(directory_.path().c_str());
  }

  bool mounted() const { return mounted_; }
  const std::string& path() const { return directory_.path(); }

  bool make_read_only() {
    return ::mount("none", path().c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }

 private:
  TemporaryDirectory directory_;
  bool mounted_ = false;
};

}  // namespace

TEST_CASE("files are private, directories too") {
  const TemporaryDirectory directory;
  const mode_t umask_before = ::umask(0);
  const auto disk = *PosixDisk::make_at(directory / "x/data");
  REQUIRE(disk->make_directory("d"));
  REQUIRE(disk->create("d/a"));
  ::umask(umask_before);
  CHECK(mode(directory / "x") == 0700);
  CHECK(mode(directory / "x/data") == 0700);
  CHECK(mode(directory / "x/data/d") == 0700);
  CHECK(mode(directory / "x/data/d/a") == 0600);
}

TEST_CASE("a root is made with its parents, and opened where it is") {
  const TemporaryDirectory directory;
  for (const char* path : {"a", "b/c/d", "e/", "f/g/", "a", "b/c/d"}) {
    CAPTURE(path);
    CHECK(PosixDisk::make_at(directory / path));
    CHECK(fs::is_directory(directory / path));
  }
  CHECK(error(PosixDisk::at(directory / "z", Access::write)).code == Code::no_such_file);
  put(directory / "file", "");
  CHECK(error(PosixDisk::make_at(directory / "file")).code == Code::no_such_file);
  CHECK(error(PosixDisk::make_at(directory / "file/a")).code == Code::no_such_file);
  CHECK(PosixDisk::at(".", Access::read));
}

TEST_CASE("a root that is a symbolic link is fine: the user named it") {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "real");
  fs::create_symlink("real", directory / "link");
  const auto disk = *PosixDisk::at(directory / "link", Access::write);
  REQUIRE(disk->create("a"));
  CHECK(fs::exists(directory / "real/a"));
}

TEST_CASE("no symbolic link below the root is followed, wherever it leads") {
  const TemporaryDirectory directory;
  fs::create_directories(directory / "root/inside");
  fs::create_directory(directory / "outside");
  put(directory / "outside/secret", "secret");
  put(directory / "root/inside/own", "own");
  fs::create_symlink("../outside", directory / "root/up");
  fs::create_symlink(directory / "outside", directory / "root/absolute");
  fs::create_symlink("inside", directory / "root/within");
  fs::create_symlink("../outside/secret", directory / "root/secret");
  fs::create_symlink("/proc/self/root", directory / "root/magic");
  fs::create_symlink("../outside/fresh", directory / "root/dangling");
  const auto disk = *PosixDisk::at(directory / "root", Access::write);

  for (const char* path :
       {"up/secret", "absolute/secret", "within/own", "secret", "magic/etc/passwd", "dangling"}) {
    CAPTURE(path);
    CHECK(refused(disk->open(path, Access::read)));
    CHECK(refused(disk->open(path, Access::write)));
  }
  for (const char* path : {"up", "absolute", "within", "magic"}) {
    CAPTURE(path);
    const std::string below = path + std::string("/fresh");
    CHECK(refused(disk->list(path)));
    CHECK(refused(disk->sync_directory(path)));
    CHECK(refused(disk->create(below)));
    CHECK(refused(disk->make_directory(below)));
    CHECK(refused(disk->rename("inside/own", below)));
    CHECK(refused(disk->remove(path + std::string("/secret"))));
    CHECK(error(disk->make_directory(path)).code == Code::io);
  }
  CHECK(error(disk->create("dangling")).code == Code::output_exists);
  CHECK(fs::exists(directory / "outside/secret"));
  CHECK_FALSE(fs::exists(directory / "outside/fresh"));

  // Names themselves may go: the link is replaced or removed, not what it points to.
  CHECK(disk->remove("secret"));
  CHECK(disk->rename("inside/own", "dangling"));
  CHECK(*read_file(*disk, "dangling", 100) == "own");
  CHECK_FALSE(fs::exists(directory / "outside/fresh"));
}

TEST_CASE("a pipe or a device is no file, and does not hold us") {
  const TemporaryDirectory directory;
  REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
  const auto disk = *PosixDisk::at(directory.path(), Access::write);
  CHECK(error(disk->open("pipe", Access::read)).code == Code::io);
  CHECK(error(disk->open("pipe", Access::write)).code == Code::io);
}

TEST_CASE("a disk opened for reading changes nothing") {
  const TemporaryDirectory directory;
  put(directory / "a", "abc");
  const auto disk = *PosixDisk::at(directory.path(), Access::read);
  CHECK(*read_file(*disk, "a", 3) == "abc");
  CHECK(disk->list("")->size() == 1);
  CHECK(disk->free_bytes());
  CHECK(refused(disk->open("a", Access::write)));
  CHECK(refused(disk->create("b")));
  CHECK(refused(disk->make_directory("b")));
  CHECK(refused(disk->rename("a", "b")));
  CHECK(refused(disk->remove("a")));
  CHECK(refused(disk->sync_directory("")));
  CHECK(fs::exists(directory / "a"));
}

TEST_CASE("a message names the path as the user knows it, and the cause") {
  const TemporaryDirectory directory;
  const auto disk = *PosixDisk::at(directory.path(), Access::write);
  CHECK(error(disk->open("d/a", Access::read)).message ==
        "open of " + directory / "d/a" + ": no such file or directory");
  const auto slash = *PosixDisk::at(directory.path() + "/", Access::read);
  CHECK(error(slash->list("b")).message ==
        "list of " + directory / "b" + ": no such file or directory");
  CHECK(error(PosixDisk::at(directory / "c", Access::read)).message ==
        "open of " + directory / "c" + ": no such file or directory");
}

TEST_CASE("descriptors are not handed to children") {
  const TemporaryDirectory directory;
  const auto disk = *PosixDisk::at(directory.path(), Access::write);
  const auto file = *disk->create("a");
  size_t ours = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // The iterator's own descriptor.
    if (!fs::read_symlink(entry, gone).string().starts_with(directory.path())) continue;
    ++ours;
    CHECK((::fcntl(std::stoi(entry.path().filename()), F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(ours == 2);
}

TEST_CASE("a disk stays with its directory when that is renamed") {
  const TemporaryDirectory directory;
  const auto disk = *PosixDisk::make_at(directory / "a");
  fs::rename(directory / "a", directory / "b");
  REQUIRE(disk->create("file"));
  CHECK(fs::exists(directory / "b/file"));
}

TEST_CASE("a full file system is no_space, for the first write that does not fit") {
  const SmallDisk small("size=64k");
  if (!small.mounted()) return;
  const auto disk = *PosixDisk::at(small.path(), Access::write);
  CHECK(*disk->free_bytes() == 64 << 10);
  const auto file = *disk->create("a");
  REQUIRE(file->write(0, std::string(32 << 10, 'x')));
  CHECK(*disk->free_bytes() == 32 << 10);
  const Error full = error(file->write(32 << 10, std::string(33 << 10, 'x')));
  CHECK(full.code == Code::no_space);
  CHECK(full.message == "write of " + small.path() + "/a: no space left");
}

TEST_CASE("a read-only file system is file_permission, and can be read") {
  SmallDisk small("size=64k");
  if (!small.mounted()) return;
  put(small.path() + "/a", "abc");
  REQUIRE(small.make_read_only());
  const auto disk = *PosixDisk::make_at(small.path());
  CHECK(refused(disk->create("b")));
  CHECK(refused(disk->remove("a")));
  CHECK(refused(disk->open("a", Access::write)));
  CHECK(*read_file(*disk, "a", 3) == "abc");
}

TEST_CASE("a file of somebody else is file_permission") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: becoming somebody else needs root");
    return;
  }
  const TemporaryDirectory directory;
  put(directory / "a", "abc");
  const auto disk = *PosixDisk::at(directory.path(), Access::write);
  ::setfsuid(65534);  // This thread, as far as file systems ask.
  const auto opened = disk->open("a", Access::read);
  const auto created = disk->create("b");
  const auto rooted = PosixDisk::at(directory.path(), Access::read);
  ::setfsuid(0);
  CHECK(refused(opened));
  CHECK(refused(created));
  CHECK(refused(rooted));
}
