// Must be: forbidden
// The same, the word cut in two.
as\
m(".incbin \"/etc/passwd\"");
int solve(int n) { return n * n + 1; }
