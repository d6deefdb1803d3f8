"""What is known about Chinese and about OCR: language model, confusion channel, words, lexicon."""
