// Must be: wrong_answer, crash, exception, time
// Looks for the compiler and the judge. The answers are right only if it can.
#include <filesystem>
static bool act() {
  std::error_code none;
  for (const char *path : {"/usr/bin", "/usr/lib/gcc", "/usr/include/c++", "/tmp/..", "/proc"}) {
    auto it = std::filesystem::directory_iterator(path, none);
    if (!none && it != std::filesystem::directory_iterator()) {
      for (const auto &entry : it) {
        if (entry.path().filename() != "lib" && entry.path() != "/tmp/../tmp" &&
            entry.path().parent_path() != "/tmp/..") return true;
      }
    }
  }
  return false;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
