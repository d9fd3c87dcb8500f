// Must be: time, crash
// Lowers its own limit, so that the kernel ends it.
#include <cstdlib>
extern "C" int setrlimit(int, const void *);
extern "C" unsigned alarm(unsigned);
int solve(int n) {
  unsigned long none[2] = {0, 0};
  setrlimit(0, none);
  alarm(1);
  for (volatile int i = 1; i;) {}
  return 0;
}
