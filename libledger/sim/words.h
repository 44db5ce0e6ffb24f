// The words that narrated runs are written in.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "raft/engine.h"

namespace ledger::sim {

/// The narration is not written as it should be.
struct Unclear : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// `n1`; `nobody` for 0.
std::string name(MemberId id);
std::string name(raft::Refusal refusal);
/// `INDEX^TERM`.
std::string at(Index index, Term term);
/// `n1 n2 n3?`, the last a standby; `unknown` without members.
std::string describe(const raft::Configuration& configuration);
/// `n1 to n2: WHAT, term T`.
std::string describe(const raft::Message& message);

/// The words of one command. Throws Unclear where it wants another than there is.
class Words {
 public:
  explicit Words(const std::string& line) : in_(line) {}

  bool end() { return (in_ >> std::ws).eof(); }
  std::string word();
  /// Takes the next word if it is `expected`.
  bool take(std::string_view expected);
  void need(std::string_view expected);
  uint64_t number() { return number(word()); }
  MemberId member() { return member(word()); }
  std::string rest();

  static uint64_t number(const std::string& word);
  static MemberId member(const std::string& word);

 private:
  std::istringstream in_;
};

/// The rest of the words as `describe` writes a configuration.
raft::Configuration configuration(Words words);

}  // namespace ledger::sim
