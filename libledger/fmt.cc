// fmt, compiled into us: Debian has only its shared library, and a program that is linked against
// any C++ library starts with all of libstdc++ (meson.build).
#include <fmt/format-inl.h>

// What the header leaves to the library's own copy.
template FMT_API auto fmt::detail::thousands_sep_impl<char>(locale_ref)
    -> thousands_sep_result<char>;
template FMT_API auto fmt::detail::decimal_point_impl(locale_ref) -> char;
