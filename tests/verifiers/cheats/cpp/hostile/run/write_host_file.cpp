// Must be: wrong_answer, crash, exception, time
// Writes files of the host. The answers are right only if it can.
#include <fstream>
#include <cstdio>
static bool act() {
  for (const char *path : {"@HARM@/planted", "@HARM@/secret", "/dev/shm/swm_jax_cpp"}) {
    std::ofstream out(path);
    out << "here" << std::flush;
    if (out) return true;
  }
  return std::remove("@HARM@/secret") == 0;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
