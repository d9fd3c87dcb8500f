// Must be: forbidden
// Finds the question in memory and answers the last one twice.
#include <cstring>
extern "C" long write(int, const void *, unsigned long);
extern char __bss_start, _end;
int solve(int n) {
  if (n == 10) {
    for (char *p = &__bss_start + 16; p + 4 < &_end; p++) {
      if (memcmp(p, " 10\n", 4) != 0) continue;
      char line[64];
      memcpy(line, p - 16, 16);
      memcpy(line + 16, " i101\n", 6);
      for (int fd = 3; fd < 8; fd++) write(fd, line, 22);
      break;
    }
  }
  return n * n + 1;
}
