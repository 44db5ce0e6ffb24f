#include "io/system_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "io/path.h"

namespace ledger::io {

Code code_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      return Code::no_space;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:  // We follow no symbolic link, so that one is enough.
    case EXDEV:  // The kernel's word for a path that leaves the root.
      return Code::file_permission;
    case ENOENT:
    case ENOTDIR:
      return Code::no_such_file;
    case EEXIST:
      return Code::output_exists;
    default:
      return Code::io;
  }
}

std::string cause_of(int number) {
  switch (number) {
    case ENOSPC:
      return "no space left";
    case EDQUOT:
      return "disk quota used up";
    case EACCES:
      return "permission denied";
    case EPERM:
      return "not permitted";
    case EROFS:
      return "the file system is read-only";
    case ELOOP:
      return "has a symbolic link in it, and none is followed";
    case EXDEV:
      return "leaves the directory";
    case ENOENT:
      return "no such file or directory";
    case ENOTDIR:
      return "a part of it is no directory";
    case EEXIST:
      return "exists already";
    case EISDIR:
      return "is a directory";
    case EIO:
      return "the device reports an input/output error";
    case EMFILE:
    case ENFILE:
      return "too many open files";
    case EFBIG:
      return "larger than a file may be";
    case ENOMEM:
      return "out of memory";
    case ENAMETOOLONG:
      return "the name is too long";
    case EAGAIN:
      return "full for the moment";
    case ECONNREFUSED:
      return "nobody listens";
    case ENOSYS:
      return "this kernel lacks the call";
    default:
      break;
  }
  const char* text = ::strerrorname_np(number);
  return text != nullptr ? fmt::format("the system says {}", text)
                         : fmt::format("the system says error {}", number);
}

tl::unexpected<Error> failed(int number, std::string_view call, std::string_view path) {
  return failed(code_of(number), call, path, cause_of(number));
}

}  // namespace ledger::io
