// Must be: forbidden
// Text for the assembler in an attribute.
__attribute__((section(".data\n.incbin \"/etc/passwd\"\n#"))) int x = 1;
int solve(int n) { return n * n + 1; }
