// Rows in PostgreSQL's binary COPY format.
#pragma once

#include <string>

#include "sql/schema.h"

namespace ledger::sql {

/// All big-endian:
///
///     stream  := "PGCOPY\n\xff\r\n\0" flags:i32=0 extension:i32=0  row…  -1:i16
///     row     := fields:i16 (length:i32 byte[length])…      length -1: null
///     numeric := digits:i16 weight:i16 sign:i16 scale:i16=0 digit:i16…
///
/// The digits of a numeric are base 10000, the most significant first, without trailing zeros;
/// weight is the power of 10000 of the first; sign 0x4000 means negative; zero has no digits.
/// Times are microseconds since 2000-01-01, cut downwards; jsonb is a byte 1 and the text.
/// Source: PostgreSQL 15, COPY, and the receive functions of its types.
void put_copy_header(std::string& out);
void put_copy_row(std::string& out, const Table& table, std::span<const Value> row);
void put_copy_trailer(std::string& out);

}  // namespace ledger::sql
