"""Tasks beside IOI: sentences whose right answer is known, each with a twin that has another one."""
