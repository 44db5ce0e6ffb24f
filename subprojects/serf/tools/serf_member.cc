// serf-member: a member of a Serf cluster, controlled by lines on its input. One JSON object per
// line on its output. It is what the interoperability tests run, and an example of the library.
//
//   serf-member --name NAME --bind ADDRESS [--join ADDRESS]… [--tag K=V]… [--key BASE64]
//               [--keyring-file PATH] [--answer QUERY=PAYLOAD]
//
//   join ADDRESS | leave | tags K=V… | event NAME [PAYLOAD] | query NAME [PAYLOAD] | members
//   force-leave NODE | prune NODE | stats | drop udp|tcp|nothing | drop-peer ADDRESS

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "serf/core/internal_queries.h"
#include "serf/driver/driver.h"
#include "serf/driver/keyring_file.h"

namespace {

using nlohmann::json;

/// Bytes that are no UTF-8 are replaced: this output is for reading.
void print(const json& object) {
  std::cout << object.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
}

json describe(const serf::Member& member) {
  return {{"name", member.name},
          {"addr", serf::format(member.address)},
          {"octets", member.address.ip.size()},
          {"status", serf::word(member.status)},
          {"ltime", member.status_ltime},
          {"tags", member.tags}};
}

struct Printer {
  serf::Driver& driver;
  const std::map<std::string, std::string>& answers;
  const std::string& keyring_file;

  void operator()(const serf::MemberNotice& n) const {
    json out = describe(n.member);
    out["event"] = serf::word(n.kind);
    print(out);
  }
  void operator()(const serf::UserEventNotice& n) const {
    print({{"event", "user"}, {"name", n.name}, {"payload", n.payload}, {"ltime", n.ltime}});
  }
  void operator()(const serf::QueryNotice& n) const {
    print({{"event", "query"}, {"name", n.name}, {"payload", n.payload}, {"from", n.from}});
    auto answer = answers.find(n.name);
    if (answer != answers.end()) driver.command(serf::Respond{n.id, answer->second});
  }
  void operator()(const serf::QueryAnswer& n) const {
    json out{{"event", n.payload ? "answer" : "ack"}, {"from", n.from}};
    if (n.payload) out["payload"] = *n.payload;
    print(out);
  }
  void operator()(const serf::QueryDone& n) const {
    print({{"event", "query-done"}, {"acks", n.acks}, {"answers", n.answers}});
  }
  void operator()(const serf::JoinDone& n) const {
    print({{"event", "join-done"}, {"contacted", n.contacted}, {"errors", n.errors}});
  }
  void operator()(const serf::Admitted&) const { print({{"event", "admitted"}}); }
  void operator()(const serf::NotAdmitted&) const { print({{"event", "not-admitted"}}); }
  void operator()(const serf::NameConflict& n) const {
    print({{"event", "conflict"},
           {"name", n.name},
           {"kept", serf::format(n.kept)},
           {"claimed", serf::format(n.claimed)}});
  }
  void operator()(const serf::KeysChanged& n) const {
    print({{"event", "keys"}, {"count", n.keys.size()}});
    if (keyring_file.empty()) return;
    if (auto saved = serf::save_keyring(keyring_file, n.keys); !saved) {
      print({{"event", "error"}, {"text", saved.error().message}});
    }
  }
  void operator()(const serf::Stopped& n) const {
    print({{"event", "stopped"}, {"left", n.left}, {"reason", n.reason}});
  }
  void operator()(const serf::Refused& n) const {
    print({{"event", "refused"}, {"text", n.error.message}});
  }
  void operator()(const serf::LogLine& n) const {
    static constexpr const char* levels[] = {"debug", "info", "warning"};
    print({{"event", "log"}, {"level", levels[static_cast<int>(n.level)]}, {"text", n.text}});
  }
};

class Member {
 public:
  Member(serf::Driver driver, std::map<std::string, std::string> answers, std::string keyring_file)
      : driver_(std::move(driver)),
        answers_(std::move(answers)),
        keyring_file_(std::move(keyring_file)) {
    driver_.set_filter([this](const serf::Event& e) { return drops(e); },
                       [this](const serf::Action& a) { return drops(a); });
  }

  int run() {
    print({{"event", "ready"}, {"addr", serf::format(driver_.node().config().address)}});
    while (!driver_.node().stopped()) {
      read_commands();
      auto notices = driver_.run_once(serf::milliseconds(20));
      if (!notices) {
        std::cerr << "error: " << notices.error().message << '\n';
        return 1;
      }
      for (const serf::Notice& notice : *notices) {
        std::visit(Printer{driver_, answers_, keyring_file_}, notice);
      }
    }
    return 0;
  }

  void join(const std::string& where) {
    if (auto address = serf::resolve(where)) {
      driver_.command(serf::Join{{*address}});
    } else {
      print({{"event", "error"}, {"text", address.error().message}});
    }
  }

 private:
  bool drops(const serf::Event& event) const {
    if (const auto* packet = std::get_if<serf::PacketReceived>(&event)) {
      return drop_udp_ || cut_.contains(packet->from.ip);
    }
    return (drop_tcp_ || !cut_.empty()) && (std::holds_alternative<serf::StreamAccepted>(event) ||
                                            std::holds_alternative<serf::StreamReceived>(event));
  }
  bool drops(const serf::Action& action) const {
    if (const auto* packet = std::get_if<serf::SendPacket>(&action)) {
      return drop_udp_ || cut_.contains(packet->to.ip);
    }
    const auto* stream = std::get_if<serf::OpenStream>(&action);
    return stream != nullptr && (drop_tcp_ || cut_.contains(stream->to.ip));
  }

  void read_commands() {
    std::array<char, 4'096> buffer;
    const ssize_t bytes = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (bytes > 0) input_.append(buffer.data(), static_cast<size_t>(bytes));
    for (size_t end = 0; (end = input_.find('\n')) != std::string::npos;) {
      obey(input_.substr(0, end));
      input_.erase(0, end + 1);
    }
  }

  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    std::string first;
    words >> verb >> first;
    std::string rest;
    std::getline(words >> std::ws, rest);
    if (verb == "join") return join(first);
    if (verb == "leave") return driver_.command(serf::Leave{});
    if (verb == "event") return driver_.command(serf::SendUserEvent{first, rest});
    if (verb == "force-leave") return driver_.command(serf::ForceLeave{first, false});
    if (verb == "prune") return driver_.command(serf::ForceLeave{first, true});
    if (verb == "query") {
      serf::SendQuery query{first, rest, {}, {}, true};
      return driver_.command(query);
    }
    if (verb == "tags") return set_tags(line.substr(5));
    if (verb == "members") return list();
    if (verb == "stats") return stats();
    if (verb == "drop") {
      drop_udp_ = first == "udp";
      drop_tcp_ = first == "tcp";
      if (first == "nothing") cut_.clear();
      return;
    }
    if (verb == "drop-peer") cut_.insert(serf::parse_address(first).value().ip);
  }

  void set_tags(const std::string& text) {
    serf::wire::Tags tags;
    std::istringstream words(text);
    for (std::string word; words >> word;) {
      tags[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    }
    driver_.command(serf::SetTags{tags});
  }

  void list() {
    json out = json::array();
    for (const auto& [name, member] : driver_.node().members()) out.push_back(describe(member));
    print({{"event", "members"}, {"members", out}});
  }

  void stats() {
    const serf::Stats& s = driver_.node().stats();
    print({{"event", "stats"},
           {"health", driver_.node().health()},
           {"incarnation", driver_.node().incarnation()},
           {"packets_received", s.packets_received},
           {"packets_sent", s.packets_sent},
           {"bytes_received", s.bytes_received},
           {"bytes_sent", s.bytes_sent},
           {"packets_unreadable", s.packets_unreadable},
           {"messages_invalid", s.messages_invalid},
           {"nodes_refused", s.nodes_refused},
           {"streams_failed", s.streams_failed},
           {"probes", s.probes},
           {"probes_failed", s.probes_failed},
           {"refutations", s.refutations}});
  }

  serf::Driver driver_;
  std::map<std::string, std::string> answers_;
  std::string keyring_file_;
  std::string input_;
  std::set<std::string> cut_;
  bool drop_udp_ = false;
  bool drop_tcp_ = false;
};

int fail(const std::string& message) {
  std::cerr << "error: " << message << '\n';
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  serf::Config config;
  config.seed = static_cast<uint64_t>(serf::monotonic_now().us) ^ static_cast<uint64_t>(::getpid())
                                                                      << 32;
  std::vector<std::string> joins;
  std::map<std::string, std::string> answers;
  std::string keyring_file;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    const std::string value = argv[i + 1];
    const std::string before = value.substr(0, value.find('='));
    const std::string after = value.substr(value.find('=') + 1);
    if (option == "--name")
      config.name = value;
    else if (option == "--join")
      joins.push_back(value);
    else if (option == "--tag")
      config.tags[before] = after;
    else if (option == "--answer")
      answers[before] = after;
    else if (option == "--bind") {
      auto address = serf::parse_address(value);
      if (!address) return fail(address.error().message);
      config.address = *address;
    } else if (option == "--key" || option == "--keyring-file") {
      if (option == "--keyring-file") keyring_file = value;
      const auto key = serf::from_base64(value);
      const auto ring = option == "--keyring-file" ? serf::load_keyring(value)
                        : key                      ? serf::wire::KeyRing::of({*key})
                                                   : tl::unexpected(key.error());
      if (!ring) return fail(ring.error().message);
      config.keys = *ring;
    } else {
      return fail("option " + option + ": not known");
    }
  }
  auto driver = serf::Driver::open(config);
  if (!driver) return fail(driver.error().message);
  ::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  Member member(*std::move(driver), answers, keyring_file);
  for (const std::string& where : joins) member.join(where);
  return member.run();
}
