module tallyman

go 1.26
