// Must be: forbidden, syntax
// Letters of a name as escapes.
\u0061sm(".incbin \"/etc/passwd\"");
int solve(int n) { return n * n + 1; }
