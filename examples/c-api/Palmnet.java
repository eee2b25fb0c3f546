/**
 * palmnet in Java and on Android, by its functions for C: palmnet_jni.c is between the two.
 *
 *   cargo c-api
 *   javac -h generated -d classes examples/c-api/Palmnet.java
 *   cc -shared -fPIC examples/c-api/palmnet_jni.c -Iinclude -I$JAVA_HOME/include -I$JAVA_HOME/include/linux \
 *     -Ltarget/c-api -lpalmnet -Wl,-rpath,$PWD/target/c-api -o libpalmnet_jni.so
 *   java -Djava.library.path=. -cp classes Palmnet examples/iris.safetensors
 */
public final class Palmnet implements AutoCloseable {
    static {
        System.loadLibrary("palmnet_jni");
    }

    private long model;

    /** Reads a model file. */
    public Palmnet(String path) {
        model = load(path);
    }

    /** Returns the names of what {@link #predict} returns. */
    public String[] outputs() {
        return outputs(open());
    }

    /** Predicts a row of cells in the order of the columns; null is a missing cell. */
    public double[] predict(String... cells) {
        return predict(open(), cells);
    }

    /** Takes a step of training on a row, with the truth behind its cells; returns the loss before the step. */
    public double learn(double learningRate, String... cells) {
        return learn(open(), cells, learningRate);
    }

    /** Writes the model file. */
    public void save(String path) {
        save(open(), path);
    }

    private long open() {
        if (model == 0) {
            throw new IllegalStateException("the model is closed");
        }
        return model;
    }

    @Override
    public void close() {
        free(model);
        model = 0;
    }

    // Each throws IllegalArgumentException with the text of palmnet_error.
    private static native long load(String path);
    private static native void free(long model);
    private static native void save(long model, String path);
    private static native String[] outputs(long model);
    private static native double[] predict(long model, String[] cells);
    private static native double learn(long model, String[] cells, double learningRate);

    public static void main(String[] arguments) {
        try (Palmnet model = new Palmnet(arguments[0])) {
            print(model);
            try {
                model.predict("5.9", "long", "4.2", "1.3");
            } catch (IllegalArgumentException refused) {
                System.out.println("refused: " + refused.getMessage());
            }
            double loss = model.learn(0.001, "5.9", "2.8", "4.2", "1.3", "versicolor");
            System.out.println("after a step, loss " + loss + ":");
            print(model);
        }
    }

    private static void print(Palmnet model) {
        double[] found = model.predict("5.9", "2.8", "4.2", "1.3");
        for (int i = 0; i < found.length; i++) {
            System.out.println(model.outputs()[i] + ": " + found[i]);
        }
    }
}
