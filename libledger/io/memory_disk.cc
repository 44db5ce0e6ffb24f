#include "io/memory_disk.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "io/path.h"

namespace ledger::io {
namespace {

constexpr uint64_t endless = uint64_t{1} << 40;

}  // namespace

/// A handle: everything it does happens in its disk, under the disk's lock.
class MemoryFile final : public File {
 public:
  MemoryFile(MemoryDisk& disk, MemoryDisk::Opened opened, std::string path, Access access)
      : disk_(disk),
        node_(opened.node),
        life_(opened.life),
        path_(std::move(path)),
        access_(access) {}

  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  ~MemoryFile() override {
    const std::lock_guard lock(disk_.mutex_);
    if (life_ == disk_.life_) disk_.tree_.closed(node_);
  }

  Result<size_t> read(uint64_t at, std::span<char> into) const override {
    return disk_.perform(Call::read, path_, [&]() -> Result<size_t> {
      TRY(check_life("read"));
      return disk_.tree_.bytes(node_).read(at, into);
    });
  }

  Result<uint64_t> size() const override {
    return disk_.perform(Call::size, path_, [&]() -> Result<uint64_t> {
      TRY(check_life("size"));
      return disk_.tree_.bytes(node_).size();
    });
  }

  Result<void> write(uint64_t at, Bytes bytes) override {
    assert(access_ == Access::write);
    if (disk_.hook_) disk_.hook_(Call::write, path_);
    const std::lock_guard lock(disk_.mutex_);
    const auto fault = disk_.enter(Call::write, path_);
    TRY(check_life("write"));
    if (fault && !fault->done) bytes = bytes.substr(0, fault->written_bytes);
    Result<void> result = disk_.write(node_, path_, at, bytes);
    if (fault) return tl::unexpected<Error>(fault->error);
    return result;
  }

  Result<void> sync() override {
    assert(access_ == Access::write);
    if (disk_.hook_) disk_.hook_(Call::sync, path_);
    const std::lock_guard lock(disk_.mutex_);
    const auto fault = disk_.enter(Call::sync, path_);
    TRY(check_life("sync"));
    const size_t all = disk_.tree_.unsynced(node_);
    if (!fault || fault->done) {
      disk_.tree_.sync(node_, all);
    } else if (fault->half) {
      disk_.tree_.sync(node_, (all + 1) / 2);
    }
    if (!fault) return {};
    if (fault->forget) disk_.tree_.forget(node_);
    return tl::unexpected<Error>(fault->error);
  }

 private:
  MemoryDisk& disk_;
  const MemoryTree::Node node_;
  const uint64_t life_;
  const std::string path_;
  const Access access_;

  Result<void> check_life(std::string_view call) const {
    if (life_ == disk_.life_) return {};
    return failed(Code::io, call, path_, "was opened before the machine or the process ended");
  }
};

MemoryDisk::MemoryDisk(const MemoryDisk& other) {
  const std::lock_guard lock(other.mutex_);
  tree_ = other.tree_;
  quota_ = other.quota_;
  tree_.close_all();
}

MemoryDisk& MemoryDisk::operator=(const MemoryDisk& other) {
  if (this == &other) return *this;
  const std::scoped_lock lock(mutex_, other.mutex_);
  tree_ = other.tree_;
  quota_ = other.quota_;
  end_life();
  return *this;
}

// ---- Calls and what may go wrong with them. ----

std::optional<MemoryDisk::Fault> MemoryDisk::stop_due(Call call) {
  if (!stop_ || !mutating(call) || --stop_->nth > 0) return std::nullopt;
  const Stop stop = *std::exchange(stop_, std::nullopt);
  stopped_ = true;
  Fault fault = {.error = {Code::io, "the machine stopped"}};
  if (stop.when == Stop::When::after) fault.done = true;
  if (stop.when == Stop::When::middle) {
    fault.half = call == Call::sync;
    fault.written_bytes = stop.written_bytes;
    fault.done = call != Call::sync && call != Call::write;
  }
  return fault;
}

std::optional<MemoryDisk::Fault> MemoryDisk::failure_due(Call call, const std::string& path) {
  std::optional<Fault> fault;
  for (Failure& failure : failures_) {
    if (failure.call ? *failure.call != call : !mutating(call)) continue;
    if (failure.path && *failure.path != path) continue;
    if (failure.nth == 0 || --failure.nth > 0) continue;  // 0: it has happened.
    if (failure.from_then_on) failure.nth = 1;
    fault = {.error = {failure.code, path + ": a failure that the test ordered"},
             .written_bytes = failure.written_bytes,
             .forget = failure.forget};
  }
  return fault;
}

/// Counts the call and says what goes wrong with it.
std::optional<MemoryDisk::Fault> MemoryDisk::enter(Call call, const std::string& path) {
  ++calls_[static_cast<size_t>(call)];
  if (stopped_) return Fault{.error = {Code::io, path + ": the machine has stopped"}};
  if (auto fault = stop_due(call)) return fault;
  return failure_due(call, path);
}

template <class Work>
auto MemoryDisk::perform(Call call, const std::string& path, Work work) -> decltype(work()) {
  if (hook_) hook_(call, path);
  const std::lock_guard lock(mutex_);
  const auto fault = enter(call, path);
  if (fault && !fault->done) return tl::unexpected<Error>(fault->error);
  auto result = work();
  if (fault) return tl::unexpected<Error>(fault->error);
  return result;
}

Result<std::unique_ptr<File>> MemoryDisk::open(const std::string& path, Access access) {
  const auto work = [&]() -> Result<Opened> {
    TRY(check_path(path));
    const MemoryTree::Node node = TRY(tree_.file("open", path));
    tree_.opened(node);
    return Opened{node, life_};
  };
  const Opened opened = TRY(perform(Call::open, path, work));
  return std::make_unique<MemoryFile>(*this, opened, path, access);
}

Result<std::unique_ptr<File>> MemoryDisk::create(const std::string& path) {
  const auto work = [&]() -> Result<Opened> {
    TRY(check_path(path));
    if (room() == 0) return failed(Code::no_space, "create", path, "no space left");
    const MemoryTree::Node node = TRY(tree_.create(path));
    tree_.opened(node);
    return Opened{node, life_};
  };
  const Opened opened = TRY(perform(Call::create, path, work));
  return std::make_unique<MemoryFile>(*this, opened, path, Access::write);
}

Result<std::vector<std::string>> MemoryDisk::list(const std::string& path) {
  return perform(Call::list, path, [&]() -> Result<std::vector<std::string>> {
    TRY(check_path(path));
    return tree_.list(path);
  });
}

Result<void> MemoryDisk::make_directory(const std::string& path) {
  return perform(Call::make_directory, path, [&]() -> Result<void> {
    TRY(check_path(path));
    return tree_.make_directory(path);
  });
}

Result<void> MemoryDisk::rename(const std::string& from, const std::string& to) {
  return perform(Call::rename, from, [&]() -> Result<void> {
    TRY(check_path(from));
    TRY(check_path(to));
    return tree_.rename(from, to);
  });
}

Result<void> MemoryDisk::remove(const std::string& path) {
  return perform(Call::remove, path, [&]() -> Result<void> {
    TRY(check_path(path));
    return tree_.remove(path);
  });
}

Result<void> MemoryDisk::sync_directory(const std::string& path) {
  if (hook_) hook_(Call::sync_directory, path);
  const std::lock_guard lock(mutex_);
  const auto fault = enter(Call::sync_directory, path);
  TRY(check_path(path));
  const MemoryTree::Node directory = TRY(tree_.directory("sync", path));
  if (!fault || fault->done) tree_.sync_names(directory);
  if (!fault) return {};
  if (fault->forget) tree_.forget_names(directory);
  return tl::unexpected<Error>(fault->error);
}

Result<uint64_t> MemoryDisk::free_bytes() {
  return perform(Call::free_bytes, "", [&]() -> Result<uint64_t> { return room(); });
}

uint64_t MemoryDisk::room() const {
  if (!quota_) return endless;
  const uint64_t used = tree_.used();
  return used < *quota_ ? *quota_ - used : 0;
}

Result<void> MemoryDisk::write(MemoryTree::Node node, const std::string& path, uint64_t at,
                               Bytes bytes) {
  if (misdirection_ && --misdirection_->nth == 0) {
    const Misdirection elsewhere = *std::exchange(misdirection_, std::nullopt);
    node = TRY(tree_.file("write", elsewhere.path));
    at = elsewhere.at;
  }
  const uint64_t size = tree_.bytes(node).size();
  if (quota_ && at + bytes.size() > size) {
    const uint64_t end_max = size + room();
    if (at + bytes.size() > end_max) {
      if (at < end_max) tree_.write(node, at, bytes.substr(0, end_max - at));
      return failed(Code::no_space, "write", path, "no space left");
    }
  }
  tree_.write(node, at, bytes);
  return {};
}

// ---- The end of a life, and plans. ----

void MemoryDisk::end_life() {
  tree_.close_all();
  ++life_;
  stopped_ = false;
  stop_.reset();
  failures_.clear();
  misdirection_.reset();
}

void MemoryDisk::crash(const Crash& how) {
  const std::lock_guard lock(mutex_);
  tree_.crash(how);
  end_life();
}

void MemoryDisk::restart() {
  const std::lock_guard lock(mutex_);
  end_life();
}

void MemoryDisk::evict() {
  const std::lock_guard lock(mutex_);
  tree_.evict();
}

void MemoryDisk::fail(const Failure& failure) {
  assert(failure.nth > 0);
  const std::lock_guard lock(mutex_);
  failures_.push_back(failure);
}

void MemoryDisk::stop_at(const Stop& stop) {
  assert(stop.nth > 0);
  const std::lock_guard lock(mutex_);
  stop_ = stop;
}

void MemoryDisk::misdirect(const Misdirection& misdirection) {
  assert(misdirection.nth > 0);
  const std::lock_guard lock(mutex_);
  misdirection_ = misdirection;
}

void MemoryDisk::drop_plans() {
  const std::lock_guard lock(mutex_);
  stop_.reset();
  failures_.clear();
  misdirection_.reset();
}

bool MemoryDisk::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void MemoryDisk::set_quota(std::optional<uint64_t> bytes) {
  const std::lock_guard lock(mutex_);
  quota_ = bytes;
}

void MemoryDisk::before_call(std::function<void(Call, const std::string&)> hook) {
  hook_ = std::move(hook);
}

uint64_t MemoryDisk::calls(Call call) const {
  const std::lock_guard lock(mutex_);
  return calls_[static_cast<size_t>(call)];
}

uint64_t MemoryDisk::mutations() const {
  const std::lock_guard lock(mutex_);
  return std::accumulate(calls_.begin() + static_cast<size_t>(Call::create), calls_.end(),
                         uint64_t{0});
}

// ---- Bytes at rest. ----

MemoryTree::Node MemoryDisk::at_rest(const std::string& path) const {
  const auto node = tree_.file("damage", path);
  assert(node);
  return *node;
}

std::string MemoryDisk::range(const std::string& path, uint64_t at, uint64_t count) const {
  const Chunks& bytes = tree_.bytes(at_rest(path));
  assert(at + count <= bytes.size());
  std::string found(count, '\0');
  bytes.read(at, found);
  return found;
}

std::vector<std::string> MemoryDisk::files() const {
  const std::lock_guard lock(mutex_);
  return tree_.files();
}

std::string MemoryDisk::bytes(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return range(path, 0, tree_.bytes(at_rest(path)).size());
}

void MemoryDisk::put(const std::string& path, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  tree_.put(path, bytes);
}

void MemoryDisk::lose(const std::string& path) {
  const std::lock_guard lock(mutex_);
  tree_.lose(path);
}

void MemoryDisk::cut(const std::string& path, uint64_t size) {
  const std::lock_guard lock(mutex_);
  assert(size <= tree_.bytes(at_rest(path)).size());
  tree_.cut(at_rest(path), size);
}

void MemoryDisk::flip(const std::string& path, uint64_t at, uint8_t mask) {
  const std::lock_guard lock(mutex_);
  std::string byte = range(path, at, 1);
  byte[0] = static_cast<char>(byte[0] ^ mask);
  tree_.edit(at_rest(path), at, byte);
}

void MemoryDisk::overwrite(const std::string& path, uint64_t at, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  assert(at + bytes.size() <= tree_.bytes(at_rest(path)).size());
  tree_.edit(at_rest(path), at, bytes);
}

void MemoryDisk::zero(const std::string& path, uint64_t at, uint64_t count) {
  overwrite(path, at, std::string(count, '\0'));
}

void MemoryDisk::garble(const std::string& path, uint64_t at, uint64_t count, uint64_t seed) {
  std::string garbage(count, '\0');
  SeededRandom(seed).fill({reinterpret_cast<uint8_t*>(garbage.data()), garbage.size()});
  overwrite(path, at, garbage);
}

void MemoryDisk::shift(const std::string& path, uint64_t at, uint64_t count) {
  std::string moved = bytes(path).substr(at);
  const size_t size = moved.size();
  moved.insert(0, count, '\0');
  moved.resize(size);
  overwrite(path, at, moved);
}

void MemoryDisk::copy(const std::string& from, uint64_t from_at, const std::string& to,
                      uint64_t to_at, uint64_t count) {
  const std::lock_guard lock(mutex_);
  const std::string block = range(from, from_at, count);
  range(to, to_at, count);
  tree_.edit(at_rest(to), to_at, block);
}

void MemoryDisk::swap(const std::string& a, uint64_t a_at, const std::string& b, uint64_t b_at,
                      uint64_t count) {
  const std::lock_guard lock(mutex_);
  const std::string left = range(a, a_at, count);
  const std::string right = range(b, b_at, count);
  tree_.edit(at_rest(a), a_at, right);
  tree_.edit(at_rest(b), b_at, left);
}

}  // namespace ledger::io
