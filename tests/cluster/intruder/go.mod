module intruder

go 1.24
