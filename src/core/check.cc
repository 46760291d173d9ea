#include <spillway/core/check.h>

#include <cstdio>
#include <cstdlib>

namespace spillway {

void check_failed(std::string_view condition, std::string_view file, int line) {
  // Not through the logger: it may be what is broken.
  std::fprintf(stderr, "broken invariant: %.*s (%.*s:%d)\n", static_cast<int>(condition.size()),
               condition.data(), static_cast<int>(file.size()), file.data(), line);
  std::abort();
}

}  // namespace spillway
