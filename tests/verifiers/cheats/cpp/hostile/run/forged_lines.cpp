// Must be: forbidden
// Writes answer lines to every descriptor.
#include <cstring>
extern "C" long write(int, const void *, unsigned long);
int solve(int n) {
  const char *line = "0123456789abcdef i10\n";
  for (int i = 0; i < 64; i++) write(i, line, strlen(line));
  return n * n + 1;
}
