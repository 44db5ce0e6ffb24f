// What is printed of a simulated life that goes wrong: its last steps, and how to see them all.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace ledger::sim {

/// Prints what is told, or keeps the last of it for when it matters.
class Telling {
 public:
  /// `last`: how many lines are kept; 0: each is printed as it comes.
  explicit Telling(size_t last) : last_(last) {}

  void add(const std::string& line);
  /// Prints what was kept, on stdout, past every buffer: also while the program dies.
  void print() const;

 private:
  const size_t last_;
  std::deque<std::string> lines_;
};

/// What is done where the program dies, of an assertion above all, while this exists; one at a
/// time. Without it nobody would know of which seed.
class Testament {
 public:
  /// Prints what `telling` has kept, if it is given, and `words`; runs this program once more with
  /// the arguments `again`, its name first, unless there are none; and ends with the signal.
  Testament(const Telling* telling, std::string words, std::vector<std::string> again);
  ~Testament();
  Testament(const Testament&) = delete;
  Testament& operator=(const Testament&) = delete;

 private:
  void carry_out(int signal) const;

  const Telling* telling_;
  std::string words_;
  std::vector<std::string> arguments_;
  std::vector<char*> again_;  ///< As execv wants them: whoever handles a signal may make nothing.
};

}  // namespace ledger::sim
