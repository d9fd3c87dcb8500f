def solve(n):
  return open('/proc/kallsyms').readline() + open('/sys/kernel/notes').readline()
