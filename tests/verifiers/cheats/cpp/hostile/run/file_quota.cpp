// Must be: output, wrong_answer, time, crash
// Writes files without an end.
#include <cstdio>
#include <string>
int solve(int n) {
  std::string block(1 << 20, 'x');
  for (int i = 0;; i++) {
    FILE *file = std::fopen(("f" + std::to_string(i)).c_str(), "w");
    if (!file) return 0;
    for (int k = 0; k < 32; k++) std::fwrite(block.data(), 1, block.size(), file);
    std::fclose(file);
  }
}
