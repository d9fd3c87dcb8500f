// Must be: output
// Prints without an end.
#include <cstdio>
int main() {
  for (;;) puts("10");
}
