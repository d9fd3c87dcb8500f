// Must be: wrong_answer, crash, exception, time
// Executes programs. The answers are right only if it is not refused.
#include <cerrno>
extern "C" int execve(const char *, char *const *, char *const *);
static bool act() {
  char *none[] = {nullptr};
  for (const char *path : {"/bin/sh", "/usr/bin/g++", "/usr/bin/x86_64-linux-gnu-g++-12"}) {
    execve(path, none, none);
    if (errno != EACCES && errno != EPERM && errno != ENOENT) return true;
  }
  return false;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
