#include "sim/clients.h"

#include <algorithm>

#include "book/command.h"
#include "sim/checker.h"

namespace ledger::sim {
namespace {

using namespace std::chrono_literals;

constexpr size_t accounts_count = 5;
constexpr size_t remembered_max = 64;
constexpr size_t attempts_max = 30;
constexpr size_t batch_records_max = 4;

std::string record(const Id& id, Kind kind, Bytes body) {
  std::string out;
  encode_record(out, {.id = id, .kind = kind, .body = body});
  Cursor cursor(out);
  return std::string(*take_record(cursor));
}

/// Whether it is certain that nothing was written.
bool denial(Code code) {
  switch (code) {
    case Code::no_leader:
    case Code::busy:
    case Code::no_space:
    case Code::unreachable:
    case Code::too_large:
    case Code::timeout:
    case Code::no_quorum:
      return true;
    default:
      return false;
  }
}

std::string text(const Batch& batch) {
  std::string line;
  for (const Id& id : batch.ids) line += " " + id.text();
  return line;
}

void keep(std::deque<Batch>& batches, Batch batch) {
  batches.push_back(std::move(batch));
  if (batches.size() > remembered_max) batches.pop_front();
}

}  // namespace

Clients::Clients(World& world) : world_(world), random_(world.random()) {}

void Clients::begin() {
  write(setup(), 1'000'000, MemberId(), [this] { is_set_up_ = true; });
  for (size_t client = 0; client < world_.ordeal().clients; ++client) {
    world_.schedule(trip(), [this, client] { next(client); });
  }
}

void Clients::next(size_t client) {
  const Done done = [this, client] {
    world_.schedule(random_.between(world_.ordeal().think / 2, world_.ordeal().think),
                    [this, client] { next(client); });
  };
  const MemberId to = random_.below(5) == 0 ? MemberId() : believed_;
  const uint64_t what = random_.below(100);
  if (what < 50) return write(fresh(random_.between(1, batch_records_max)), attempts_max, to, done);
  if (what < 60 && !unsettled_.empty()) {
    return write(random_.pick(unsettled_), attempts_max, to, done);
  }
  if (what < 65 && !settled_.empty()) return write(random_.pick(settled_), 3, to, done);
  if (what < 70 && world_.witness().end() > Offset()) return write(conflict(), 3, to, done);
  if (what < 75) return page(done);
  read(done);
}

Duration Clients::trip() {
  return random_.between(20us, 2 * world_.ordeal().weather.delay);
}

// ---- What is written. ----

Id Clients::fresh_id() {
  Id id;
  const uint64_t words[2] = {random_.next() | 1, ++ids_};
  std::memcpy(id.bytes.data(), words, sizeof words);
  return id;
}

Batch Clients::setup() {
  Batch batch;
  const auto add = [&batch, this](Kind kind, Bytes body) {
    batch.ids.push_back(fresh_id());
    batch.records.push_back(record(batch.ids.back(), kind, body));
  };
  add(Kind::asset, book::encode(book::Asset{"USD", 2}));
  for (size_t i = 0; i < accounts_count; ++i) {
    book::Account account;
    account.account = fresh_id();
    account.asset = "USD";
    // The first gives money out without end, the others have what they were given.
    account.name = i == 0 ? "equity:mint" : "liabilities:u" + std::to_string(i);
    account.kind = *book::kind_of_name(account.name);
    if (i > 0) account.floor = 0;
    accounts_.push_back(account.account);
    add(Kind::account, book::encode(account));
  }
  return batch;
}

std::string Clients::raw(const Id& id) {
  std::string body(random_.between(1, world_.ordeal().body_bytes), '\0');
  for (char& byte : body) byte = static_cast<char>(random_.next());
  return record(id, Kind::raw, body);
}

std::string Clients::transfer(const Id& id) {
  const size_t debit = random_.below(accounts_.size());
  const size_t credit = (debit + random_.between(1, accounts_.size() - 1)) % accounts_.size();
  const auto amount = static_cast<Int128>(random_.between(1, 100));
  book::Transact transact;
  transact.legs.push_back({accounts_[debit], accounts_[credit], amount});
  return record(id, Kind::transact, book::encode(transact));
}

Batch Clients::fresh(size_t count) {
  Batch batch;
  for (size_t i = 0; i < count; ++i) {
    batch.ids.push_back(fresh_id());
    batch.records.push_back(is_set_up_ && random_.coin() ? transfer(batch.ids.back())
                                                         : raw(batch.ids.back()));
  }
  return batch;
}

Batch Clients::conflict() {
  Batch batch;
  batch.conflicts = true;
  const Offset offset(random_.below(world_.witness().end().value));
  batch.ids.push_back(world_.witness().id_at(offset));
  do {
    batch.records.assign({raw(batch.ids.back())});
  } while (batch.records.front() == world_.witness().record_at(offset));  // A body may be a byte.
  return batch;
}

Machine* Clients::target(MemberId to) {
  if (Machine* machine = world_.find(to)) return machine;
  return &world_.any();
}

void Clients::write(const Batch& batch, size_t attempts, MemberId to, Done done) {
  if (attempts == 0) {
    if (!batch.conflicts) keep(unsettled_, batch);
    return done();
  }
  Machine& machine = *target(to);
  world_.schedule(trip(), [this, &machine, batch, attempts, done] {
    write_to(machine, batch, attempts - 1, done);
  });
}

void Clients::write_to(Machine& machine, const Batch& batch, size_t attempts, Done done) {
  const auto again = [this, batch, attempts, done](Duration delay, MemberId to) {
    // Some give up at the first that goes wrong, and may come back.
    const size_t left = random_.below(20) == 0 && attempts < attempts_max ? 0 : attempts;
    world_.schedule(delay, [this, batch, left, to, done] { write(batch, left, to, done); });
  };
  if (!machine.up()) return again(random_.between(1ms, 30ms), MemberId());

  struct Attempt {
    bool answered = false;  ///< By the member.
    bool over = false;      ///< For the client.
  };
  const auto attempt = std::make_shared<Attempt>();
  const uint64_t life = machine.life;
  world_.witness().asks(batch);
  const bool decisions = random_.coin();
  // What the client hears, unless it has stopped listening.
  const auto hear = [this, attempt, batch, again, done](const rpc::Answer<rpc::Outcome>& answer,
                                                        MemberId from) {
    if (random_.chance(world_.calm() ? 0 : world_.ordeal().lost_answer_ppm)) return;
    world_.schedule(trip(), [this, attempt, batch, again, done, from, good = answer.has_value(),
                             leader = answer ? std::string() : answer.error().leader] {
      if (std::exchange(attempt->over, true)) return;
      if (good) {
        believed_ = from;
        if (!batch.conflicts) keep(settled_, batch);
        return done();
      }
      const Machine* other = world_.at(leader);
      if (other != nullptr) believed_ = other->id;
      again(random_.between(1ms, 30ms), other == nullptr ? MemberId() : other->id);
    });
  };
  const auto reply = [this, &machine, life, attempt, batch,
                      hear](const rpc::Answer<rpc::Outcome>& answer) {
    tell_answer(machine, batch, answer);
    if (machine.life != life) throw Violation(machine.name + ": answers from another life");
    if (std::exchange(attempt->answered, true)) {
      throw Violation(machine.name + ": answers twice");
    }
    machine.answers.push_back({answer.has_value(), [this, &machine, batch, answer, hear] {
                                 if (answer) {
                                   world_.witness().acknowledges(machine, batch, *answer);
                                   world_.mix(answer->offsets.front().value);
                                 } else if (denial(answer.error().error.code)) {
                                   ++world_.counts()["denied"];
                                   world_.witness().denies(batch);
                                 } else {
                                   ++world_.counts()["unknown"];
                                 }
                                 hear(answer, machine.id);
                               }});
  };
  world_.post(machine,
              [this, &machine, batch, decisions, reply](node::Replica& replica, node::Now) {
                if (world_.narrate) world_.tell(machine, "is asked to write" + text(batch));
                replica.propose(batch.proposal(decisions), reply);
                return Result<void>();
              });
  world_.schedule(world_.ordeal().patience, [this, attempt, again] {
    if (std::exchange(attempt->over, true)) return;
    ++world_.counts()["timeouts"];
    again(Duration(0), MemberId());
  });
}

void Clients::tell_answer(const Machine& machine, const Batch& batch,
                          const rpc::Answer<rpc::Outcome>& answer) {
  if (!world_.narrate) return;
  std::string line = "answers:";
  if (answer) {
    for (const Offset offset : answer->offsets) line += " " + std::to_string(offset.value);
  } else {
    line += " " + answer.error().error.message;
  }
  world_.tell(machine, line + "; asked to write" + text(batch));
}

void Clients::tell_read(const Machine& machine, Offset end, Offset covers) {
  if (!world_.narrate) return;
  world_.tell(machine, "answers a read as of offset " + std::to_string(end.value) +
                           ", which must not be before " + std::to_string(covers.value));
}

// ---- What is read. ----

void Clients::read(Done done) {
  Machine* machine = random_.coin() ? world_.leader() : world_.any_up();
  if (machine == nullptr) return done();
  rpc::Freshness freshness;
  const uint64_t kind = random_.below(10);
  const Offset acknowledged = world_.witness().acknowledged();
  if (kind == 0) {
    freshness.kind = rpc::Freshness::Kind::stale;
  } else if (kind == 1 && acknowledged > Offset()) {
    freshness.kind = rpc::Freshness::Kind::at_least;
    freshness.at_least = Offset(random_.below(acknowledged.value));
  }
  read_from(*machine, freshness, [done](bool) { done(); });
}

void Clients::read_one(Machine& machine, std::function<void(bool)> done) {
  read_from(machine, {}, std::move(done));
}

void Clients::read_from(Machine& machine, const rpc::Freshness& freshness,
                        std::function<void(bool)> done) {
  const auto over = std::make_shared<bool>(false);
  Offset covers;
  if (freshness.kind == rpc::Freshness::Kind::linearizable)
    covers = world_.witness().acknowledged();
  if (freshness.kind == rpc::Freshness::Kind::at_least) covers = freshness.at_least + 1;
  std::optional<Id> sought;
  const Offset end = world_.witness().end();
  if (end > Offset() && random_.coin()) {
    sought = world_.witness().id_at(Offset(random_.below(end.value)));
  }
  const bool leads = machine.up() && machine.replica->leads();
  const auto reply = [this, &machine, over, covers, sought, leads,
                      done](rpc::Answer<std::reference_wrapper<const rpc::View>> view) {
    if (view) {
      tell_read(machine, view->get().book().next_offset(), covers);
      world_.witness().reads(machine, covers, view->get(), sought ? &*sought : nullptr);
      ++world_.counts()[leads ? "reads" : "follower reads"];
      world_.mix(view->get().book().next_offset().value);
    }
    const bool good = view.has_value();
    world_.schedule(trip(), [over, done, good] {
      if (!std::exchange(*over, true)) done(good);
    });
  };
  world_.schedule(trip(), [this, &machine, freshness, reply] {
    world_.post(machine, [freshness, reply](node::Replica& replica, node::Now now) {
      replica.read(now, freshness, reply);
      return Result<void>();
    });
  });
  world_.schedule(world_.ordeal().patience, [over, done] {
    if (!std::exchange(*over, true)) done(false);
  });
}

/// A page of the log, as a stream of it reads.
void Clients::page(Done done) {
  Machine* machine = world_.any_up();
  if (machine != nullptr && machine->replica->history().end() > Offset()) {
    const history::History& history = machine->replica->history();
    world_.witness().sees(*machine);
    const Offset from(random_.below(history.end().value));
    const Result<book::Decided> decided =
        history.decided(from, history.end(), random_.between(1, 4000));
    if (decided) {
      world_.witness().serves(*machine, from, *decided);
      ++world_.counts()["pages"];
    } else if (!machine->in_trouble()) {
      throw Violation(machine->name + ": can't serve " + std::to_string(from.value) + ": " +
                      decided.error().message);
    }
  }
  world_.schedule(trip(), done);
}

}  // namespace ledger::sim
