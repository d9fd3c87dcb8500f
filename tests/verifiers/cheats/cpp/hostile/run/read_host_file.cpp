// Must be: wrong_answer, crash, exception, time
// Reads files of the host. The answers are right only if it can.
#include <fstream>
#include <string>
static bool act() {
  for (const char *path : {"/etc/passwd", "/etc/hostname", "/usr/include/stdio.h",
                           "/proc/self/status", "@HARM@/secret"}) {
    std::string line;
    if (std::getline(std::ifstream(path), line)) return true;
  }
  return false;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
