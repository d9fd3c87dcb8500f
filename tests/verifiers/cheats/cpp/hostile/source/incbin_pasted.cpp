// Must be: forbidden
// The same, the word pasted together.
#define PASTE(a, b) a##b
PASTE(as, m)(".incbin \"/etc/passwd\"");
int solve(int n) { return n * n + 1; }
