#pragma once

#include <string>
#include <vector>

/// The captured messages in testdata/vectors, see its README.
namespace serf::testing {

/// Bytes from hex digits; white space is ignored.
std::string from_hex(std::string_view hex);
std::string to_hex(std::string_view bytes);

/// The vector of that name. Fails the test when there is none.
std::string vector_named(const std::string& name);

/// All names, sorted.
std::vector<std::string> vector_names();

}  // namespace serf::testing
