// Must be: wrong_answer, crash, exception, time
// Looks into its parent. The answers are right only if it can.
#include <cstdio>
#include <string>
extern "C" int getppid();
static bool act() {
  for (std::string id : {std::to_string(getppid()), std::string("@PARENT@")}) {
    for (const char *name : {"mem", "environ", "maps", "cmdline"}) {
      if (std::fopen(("/proc/" + id + "/" + name).c_str(), "r")) return true;
    }
  }
  return false;
}
int solve(int n) { return act() ? n * n + 1 : 0; }
