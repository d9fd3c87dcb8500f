// Must be: forbidden, syntax
// A raw string and a splice, so that readers disagree where it ends.
const char *s = R"(\
)"; /* "
#include "/etc/passwd"
// */
int solve(int n) { return n * n + 1; }
